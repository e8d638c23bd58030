// Package templates renders the files of the proxy stack: the hardened compose
// file, its seccomp profile, the model mapping in .env and the .gitignore block.
//
// Rendering is pure: the same values give the same bytes, nothing is read from
// or written to the host, and no value can add a key or leave its quotes. What a
// line is for stands beside it in the rendered file, by control id.
package templates

import "errors"

const (
	// Service is the name of the proxy's service in the compose file.
	Service = "proxy"
	// ContainerPort is the TCP port the proxy listens on inside its container.
	ContainerPort = 8082
	// SecretAPIKey names the compose secret, and the file in Compose.SecretsDir,
	// that holds the cloud.ru API key.
	SecretAPIKey = "cloudru_api_key" //nolint:gosec // a file name, not a key
	// SecretProxyToken names the compose secret, and the file, that holds the
	// token a client must show to the proxy (S-01).
	SecretProxyToken = "proxy_token"
	// GatewayService is the name of the gateway's service in the compose file.
	GatewayService = "gateway"
	// GatewayProxyPort is the TCP port on which the proxy finds its way out there.
	GatewayProxyPort = 3128
	// GatewayProgram is the only file in the gateway's image.
	GatewayProgram = "/clawsetup"
	// GatewayUser is who the gateway runs as.
	GatewayUser = "65532:65532"
	// LauncherPath is where a container without a shell finds the program that reads
	// its secret files.
	LauncherPath = "/run/clawsetup"
	// SecretsPath is the folder of the secret files inside a container.
	SecretsPath = "/run/secrets"
	// LabelManaged marks containers and networks that belong to clawsetup.
	LabelManaged = "clawsetup.managed"
	// LabelInstallation names the compose project that an image was made for. It is none of
	// compose's own labels: a container has those of its image, whoever starts it.
	LabelInstallation = "clawsetup.installation"
	// LabelRole tells what a marked container does in the stack.
	LabelRole = "clawsetup.role"
)

// ErrValue says that a value cannot be put into a file; the text around it says
// which value and why.
var ErrValue = errors.New("invalid value")
