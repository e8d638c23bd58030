//go:build !windows

package engine

// defaultHost is where the docker command line looks when nothing else is said.
const defaultHost = "unix:///var/run/docker.sock"
