//go:build !windows

package templates

const secretsDir = "/home/op/.config/clawsetup/secrets"

// launcher is where the clawsetup of this host is.
const launcher = "/usr/local/bin/clawsetup"
