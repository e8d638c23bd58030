package compose

import (
	"fmt"
	"net/url"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/templates"
	"github.com/clawsetup/clawsetup/wizard/text"
)

func unless(detail string, ok func(service) bool) func(service) string {
	return func(s service) string {
		if ok(s) {
			return ""
		}
		return detail
	}
}

func clean(s string) string { return text.Clean(s, 60) }

var imageID = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

var digested = regexp.MustCompile(`.@sha256:[0-9a-f]{64}$`)

// imageDigest wants a digest of the registry or, for the gateway that was built
// here, the image's id.
func imageDigest(s service) string {
	pinned := digested.MatchString(s.Image) || s.Name == templates.GatewayService && imageID.MatchString(s.Image)
	if s.Build != nil || !pinned {
		return "its image is not pinned by digest"
	}
	return ""
}

// isLauncher tells the one mount that a service may have: the program that reads
// the secret files where the image has no shell, and nothing it could write to.
func isLauncher(s service, v types.ServiceVolumeConfig) bool {
	return templates.IsLaunched(s.Entrypoint) && v.Type == types.VolumeTypeBind && v.Target == templates.LauncherPath && v.ReadOnly
}

// openEgress finds a proxy that can leave its network by itself.
func openEgress(p stack) string {
	s, ok := p.Services[templates.Service]
	if !ok {
		return ""
	}
	if _, there := p.Services[templates.GatewayService]; !there {
		return "the proxy has no gateway: it reaches the whole Internet"
	}
	for name := range s.Networks {
		if n, ok := p.Networks[name]; !ok || !n.Internal {
			return "the proxy is on a network that is not internal: it can pass by the gateway"
		}
	}
	if len(s.Ports) > 0 {
		return "the proxy publishes a port by itself"
	}
	return ""
}

// loopbackPort wants the literal address: localhost may also be ::1, which another
// program can hold.
func loopbackPort(s service) string {
	for _, p := range s.Ports {
		if p.HostIP != "127.0.0.1" || p.Mode == "host" {
			return fmt.Sprintf("port %d is not published on 127.0.0.1 alone", p.Target)
		}
	}
	return ""
}

func isSocket(v types.ServiceVolumeConfig) bool {
	return v.Type != types.VolumeTypeTmpfs && ReachesEngine(v.Source) || strings.HasSuffix(v.Target, ".sock")
}

// confined looks at AppArmor, SELinux and the masked paths of /proc.
func confined(s service) bool {
	return !slices.ContainsFunc(s.SecurityOpt, func(o string) bool {
		_, seccomp := option(o, "seccomp")
		_, privileges := option(o, "no-new-privileges")
		return !seccomp && !privileges && o != "no-new-privileges" || strings.HasSuffix(o, ":false") || strings.HasSuffix(o, "=false")
	})
}

func option(o, name string) (string, bool) {
	rest, ok := strings.CutPrefix(o, name)
	if !ok || rest == "" || (rest[0] != '=' && rest[0] != ':') {
		return "", false
	}
	return rest[1:], true
}

func noCore(u *types.UlimitsConfig) bool {
	return u != nil && u.Single == 0 && u.Soft == 0 && u.Hard == 0
}

func restart(s service) string {
	count, ok := strings.CutPrefix(s.Restart, "on-failure:")
	if n, err := strconv.Atoi(count); !ok || err != nil || n < 1 || n > 10 {
		return "it is not restarted on failure with a small limit"
	}
	return ""
}

// health accepts a service without a check: not every image can ask itself.
func health(s service) string {
	h := s.HealthCheck
	switch {
	case h == nil:
		return ""
	case h.Disable:
		return "its health check is switched off"
	case strings.Contains(strings.Join(h.Test, " "), "test-connection"):
		return "its health check makes a paid call"
	case h.Interval == nil || time.Duration(*h.Interval) > 10*time.Second:
		return "its health is checked less often than every 10 seconds"
	}
	return ""
}

func variable(s service, name string) string {
	if v := s.Environment[name]; v != nil {
		return *v
	}
	return ""
}

// secretWords are what a word of a variable's name must not be: an environment is shown
// to so many that it is held to more than secrets.CredentialName says.
var secretWords = []string{
	"KEY", "KEYS", "APIKEY", "TOKEN", "TOKENS", "SECRET", "SECRETS", "PASSWORD", "PASSWORDS", "PASSWD", "PASSPHRASE", "PASS", "PWD",
	"CREDENTIAL", "CREDENTIALS", "AUTH", "AUTHORIZATION", "BEARER",
}

var wordBreak = regexp.MustCompile(`[^A-Z0-9]+`)

// SecretName reports whether a variable's name looks like that of a credential;
// the proxy's limits count tokens of another kind.
func SecretName(name string) bool {
	upper := strings.ToUpper(name)
	if upper == "MAX_TOKENS_LIMIT" || upper == "MIN_TOKENS_LIMIT" {
		return false
	}
	return secrets.CredentialName(name) || slices.ContainsFunc(wordBreak.Split(upper, -1), func(w string) bool { return slices.Contains(secretWords, w) })
}

func secretInEnvironment(s service) string {
	for _, name := range sortedKeys(s.Environment) {
		if SecretName(name) {
			return fmt.Sprintf("its environment sets %s, which docker inspect shows", clean(name))
		}
		if u, err := url.Parse(variable(s, name)); err == nil && u.User != nil {
			return fmt.Sprintf("%s in its environment holds a user or a password", clean(name))
		}
	}
	return ""
}

// secretNames are the two secrets of a stack.
var secretNames = []string{templates.SecretAPIKey, templates.SecretProxyToken}

// isSecretFile tells whether a path of the host can be that secret: files are named as
// the secret is, in whichever folder.
func isSecretFile(file, name string) bool {
	return path.Base(strings.ReplaceAll(file, `\`, "/")) == name
}

// secretFiles wants the two, each once and at its own place. compose gives the target of
// the short form.
func secretFiles(s service) bool {
	var names []string
	for _, c := range s.Secrets {
		if c.Target != "" && c.Target != c.Source && c.Target != templates.SecretsPath+"/"+c.Source {
			return false
		}
		names = append(names, c.Source)
	}
	slices.Sort(names)
	return slices.Equal(names, secretNames)
}

// known are the keys of a service that the stack uses, or that have a check of
// their own. What compose learns tomorrow is unexpected until someone looked at it.
var known = strings.Fields(`build cap_add cap_drop cgroup command cpus dns entrypoint environment healthcheck image init ipc labels logging
	mem_limit memswap_limit name net network_mode networks oom_kill_disable oom_score_adj pid pids_limit ports privileged pull_policy
	read_only restart secrets security_opt stop_grace_period tmpfs ulimits use_api_socket user volumes`)

// unexpected finds what no check looked at: devices, hooks, further files to read,
// namespaces, and so on.
func unexpected(s service) string {
	keys := setKeys(reflect.ValueOf(*s.ServiceConfig))
	keys = slices.DeleteFunc(keys, func(k string) bool { return slices.Contains(known, k) })
	if len(keys) == 0 {
		return ""
	}
	slices.Sort(keys)
	return "it sets " + text.Clean(strings.Join(keys, ", "), longestDetail) + ", which is no part of the hardened stack"
}

// setKeys lists the YAML keys of the fields that are not empty.
func setKeys(v reflect.Value) []string {
	var keys []string
	for i := range v.NumField() {
		key, options, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		switch f := v.Field(i); {
		case f.Kind() == reflect.Struct && strings.Contains(options, "inline"):
			keys = append(keys, setKeys(f)...)
		case f.IsZero(), key == "-", (f.Kind() == reflect.Map || f.Kind() == reflect.Slice) && f.Len() == 0:
		case strings.Contains(options, "inline"):
			keys = append(keys, "x-…")
		default:
			keys = append(keys, key)
		}
	}
	return keys
}
