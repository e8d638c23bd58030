package templates

const secretsDir = `C:\Users\op\AppData\Local\clawsetup\secrets`
