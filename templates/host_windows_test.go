package templates

const secretsDir = `C:\Users\op\AppData\Local\clawsetup\secrets`

// launcher is where the clawsetup of this host is.
const launcher = `C:\clawsetup\clawsetup.exe`
