package compose

import (
	"path/filepath"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/clawsetup/clawsetup/templates"
)

// Made is what a set-up says of the stack that was made of it. What is empty is not
// compared; the zero value is for a stack that no set-up made.
type Made struct {
	// APIBase is the address that the proxy asks; AllowPrivate says that it may be a
	// private one, or one without TLS.
	APIBase      string
	AllowPrivate bool
	// SecretsDir is the absolute folder of the two secret files.
	SecretsDir string
	// Relaxed are the controls that were given up.
	Relaxed []Relaxation

	// own says that nothing but what the templates write is expected.
	own bool
}

// secretFile is where a secret comes from; empty when no set-up says so.
func (m Made) secretFile(name string) string {
	if m.SecretsDir == "" {
		return ""
	}
	return filepath.Join(m.SecretsDir, name)
}

// service is one service with what it belongs to.
type service struct {
	*types.ServiceConfig
	project *types.Project
	made    Made
}

// stack is a project with the set-up that it was made of.
type stack struct {
	*types.Project
	made Made
}

// secret is one of a project's secrets.
type secret struct {
	*types.SecretConfig
	name string
	made Made
}

// strangers finds a service that is neither the proxy nor its gateway. Beside a proxy
// that clawsetup did not set up others may run, but on no network of its.
func strangers(p stack) string {
	for _, name := range sortedKeys(p.Services) {
		if name == templates.Service || name == templates.GatewayService {
			continue
		}
		for network := range p.Services[name].Networks {
			for _, ours := range []string{templates.Service, templates.GatewayService} {
				if _, shared := p.Services[ours].Networks[network]; shared {
					return "the service " + clean(name) + " is on the network " + clean(network) + " with the " + ours
				}
			}
		}
		if p.made.own {
			return "the service " + clean(name) + " is no part of the stack"
		}
	}
	return ""
}

// allowList wants the gateway's command to be the one that lets the proxy out to its API
// alone, word for word: of an option that is given twice, both count.
func allowList(p stack) string {
	s, ok := p.Services[templates.GatewayService]
	if !ok {
		return ""
	}
	base := p.made.APIBase
	if base == "" {
		proxy := p.Services[templates.Service]
		base = variable(service{ServiceConfig: &proxy}, "OPENAI_BASE_URL")
	}
	if len(s.Entrypoint) > 0 || !slices.Equal(s.Command, templates.GatewayCommand(base, p.made.AllowPrivate)) {
		return "its command is not that of a gateway which lets the proxy out to its API alone"
	}
	return ""
}
