package engine

// defaultHost is where the docker command line looks when nothing else is said.
const defaultHost = "npipe:////./pipe/docker_engine"
