package compose

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/clawsetup/clawsetup/templates"
)

// variables are all that the templates set, by service.
var variables = map[string][]string{
	templates.Service: {
		"HOST", "PORT", "OPENAI_BASE_URL", "BIG_MODEL", "MIDDLE_MODEL", "SMALL_MODEL", "LOG_LEVEL", "MAX_TOKENS_LIMIT", "REQUEST_TIMEOUT",
		"SSL_VERIFY", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY",
	},
	templates.GatewayService: {},
}

// Steering are variables by which programs are given other code, other certificates or
// other ways than their own, but for those that Steers knows by how they begin. An image
// sets many of the rest itself, so that a container cannot be held to a list of what is
// allowed.
var Steering = []string{
	"BASH_ENV", "ENV", "CURL_CA_BUNDLE", "GCONV_PATH", "GETCONF_DIR", "GLIBC_TUNABLES", "HOSTALIASES", "LOCALDOMAIN", "LOCPATH", "NODE_EXTRA_CA_CERTS", "NODE_OPTIONS",
	"NODE_TLS_REJECT_UNAUTHORIZED", "OPENSSL_CONF", "OPENSSL_CONF_INCLUDE", "OPENSSL_ENGINES", "OPENSSL_MODULES", "PERL5LIB", "PERL5OPT", "REQUESTS_CA_BUNDLE", "RES_OPTIONS",
	"RESOLV_HOST_CONF", "SSLKEYLOGFILE", "SSL_CERT_DIR", "SSL_CERT_FILE", "PYTHONBREAKPOINT", "PYTHONEXECUTABLE", "PYTHONHOME", "PYTHONINSPECT",
	"PYTHONPATH", "PYTHONPLATLIBDIR", "PYTHONPYCACHEPREFIX", "PYTHONSTARTUP", "PYTHONUSERBASE", "PYTHONWARNINGS", "PYTHONHTTPSVERIFY",
}

// Steers tells whether a variable is one of those.
func Steers(name string) bool {
	return slices.Contains(Steering, name) || strings.HasPrefix(name, "LD_") || strings.HasPrefix(name, "MALLOC_")
}

// environment finds variables that nobody looked at. One that looks like a secret's or a
// proxy's is another check's.
func environment(s service) string {
	allowed, ours := variables[s.Name]
	for _, name := range sortedKeys(s.Environment) {
		switch {
		case SecretName(name), isProxyVariable(name):
		case s.made.own && ours && !slices.Contains(allowed, name):
			return "its environment sets " + clean(name) + ", which is no part of the stack"
		case Steers(name):
			return "its environment sets " + clean(name) + ", by which programs are given other code, certificates or addresses"
		}
	}
	return ""
}

func isProxyVariable(name string) bool {
	return slices.Contains([]string{"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "FTP_PROXY", "NO_PROXY"}, strings.ToUpper(name))
}

// proxyVariables wants requests to go out through the gateway where there is one, and
// straight where there is none.
func proxyVariables(s service) string {
	want := map[string]string{}
	if _, there := s.project.Services[templates.GatewayService]; there && s.Name == templates.Service {
		gateway := "http://" + templates.GatewayService + ":" + strconv.Itoa(templates.GatewayProxyPort)
		want = map[string]string{"HTTPS_PROXY": gateway, "HTTP_PROXY": gateway, "NO_PROXY": "127.0.0.1,localhost"}
	}
	for _, name := range sortedKeys(s.Environment) {
		if isProxyVariable(name) && variable(s, name) != want[name] {
			return "its environment sets " + clean(name) + " to something else than the gateway"
		}
		delete(want, name)
	}
	if len(want) > 0 {
		return "its environment does not send it through the gateway"
	}
	return ""
}

// apiAddress wants the address of the set-up, and TLS unless that was consented to. What
// else an address may hold, a password, is another check's.
func apiAddress(s service) string {
	base := variable(s, "OPENAI_BASE_URL")
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return "its environment does not say which API to ask"
	}
	if u.User != nil {
		u.User = nil
		base = u.String()
	}
	switch {
	case s.made.APIBase != "" && base != s.made.APIBase:
		return "it asks another API than the set-up's"
	case u.Scheme != "https" && !s.made.AllowPrivate:
		return "it sends the key without TLS"
	}
	return ""
}
