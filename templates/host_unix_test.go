//go:build !windows

package templates

const secretsDir = "/home/op/.config/clawsetup/secrets"
