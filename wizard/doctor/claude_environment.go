package doctor

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/openclaw"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// baseURL: whoever answers at the base URL gets the token and every prompt (S-02).
func baseURL(_ context.Context, h *Host, a *answer) {
	eachSettings(h, a, func(f settingsFile) {
		h.address(a, f.env, func(name string) Location { return f.at("env", name) })
	})
	if f, ok := h.claudeSettings().ours(); ok {
		a.saw(f.path)
		h.address(a, f.env, func(name string) Location { return f.at("env", name) })
	}
	h.address(a, h.Getenv, func(name string) Location { return Location{Key: name} })
}

// address looks at one environment; a finding in the operator's own has no file.
func (h *Host) address(a *answer, env func(string) string, at func(string) Location) {
	tell := func(name, detail string, worst Severity) {
		f := a.found(at(name), detail).milder(worst)
		if f.Where.Path == "" && f.Where.PID == 0 {
			f.Fix = "unset " + name
		}
	}
	if why, worst := h.leadsTo(env("ANTHROPIC_BASE_URL")); why != "" {
		tell("ANTHROPIC_BASE_URL", "Claude Code is sent to "+why, worst)
	}
	for _, name := range elsewhere {
		if switchedOn(env(name)) {
			tell(name, "it sends Claude Code elsewhere than to the proxy", Critical)
		}
	}
}

// leadsTo says where an address leads if that is not the proxy, without any user,
// password or path in it, and how bad that is.
func (h *Host) leadsTo(address string) (string, Severity) {
	if address == "" {
		return "", Info
	}
	if h.notProxy(address) == "" {
		return "", Info
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "an address that is none", Critical
	}
	host := text.Clean(u.Scheme, 10) + "://" + text.Clean(u.Host, 100)
	if local(u.Hostname()) {
		return host + ", which is not the address of the proxy: somebody else may listen there", High
	}
	return host, Critical
}

// weakEnvironment: variables that let others read what is said, or run code.
func weakEnvironment(_ context.Context, h *Host, a *answer) {
	eachSettings(h, a, func(f settingsFile) {
		env, _ := f.values["env"].(map[string]any)
		names := slices.DeleteFunc(slices.Sorted(maps.Keys(env)), func(name string) bool { return !loads(name) })
		weak(names, f.env, true, true, func(name, detail string, worst Severity) { a.found(f.at("env", name), detail).milder(worst) })
	})
	// The launcher lets none of these through to the agent's Claude Code.
	passed := h.Made == nil || h.Made.Contract == openclaw.Builtin
	if passed {
		a.saw("environment")
	}
	weak(allLoaders(), h.Getenv, false, passed, func(name, detail string, worst Severity) {
		if passed || worst == High && !strings.HasSuffix(strings.ToLower(name), "_proxy") {
			a.found(Location{Key: name}, detail).milder(worst).Fix = "unset " + name
		}
	})
}

// weak tells of the variables of one environment: every one of names, which are loaders,
// each by a rule of its own or by the last. Those of proxies count where they reach Claude
// Code: it asks them for 127.0.0.1, too, unless it is told not to.
func weak(names []string, env func(string) string, inFile, proxies bool, tell func(name, detail string, worst Severity)) {
	told := []string{"NODE_TLS_REJECT_UNAUTHORIZED", "NODE_OPTIONS", "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"}
	if v := env("NODE_TLS_REJECT_UNAUTHORIZED"); v == "0" {
		tell("NODE_TLS_REJECT_UNAUTHORIZED", "no certificate is looked at: anybody on the way reads and changes everything", High)
	}
	if v := env("NODE_OPTIONS"); v != "" {
		worst := Low
		for _, option := range []string{"--require", "-r ", "-r=", "--import", "--loader", "--experimental-loader", "--inspect", "--tls-", "--use-openssl-ca"} {
			if strings.Contains(v+" ", option) {
				worst = High
			}
		}
		tell("NODE_OPTIONS", "it changes how Claude Code and OpenClaw are run", worst)
	}
	for _, name := range names {
		if env(name) == "" || slices.Contains(told, name) {
			continue
		}
		switch {
		case slices.Contains(usual, name):
			if inFile {
				tell(name, "it changes which program is run, or what it loads", Medium)
			}
		case trusting(name):
			tell(name, "it changes whom Claude Code trusts, or what it tells of itself", Medium)
		case inFile:
			tell(name, "code of somebody else is run or loaded with every program that is started", High)
		default:
			tell(name, "code of somebody else is run or loaded with every program that is started", Medium)
		}
	}
	exempt := env("NO_PROXY") + "," + env("no_proxy")
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"} {
		if proxies && env(name) != "" && !slices.ContainsFunc(strings.Split(exempt, ","), func(s string) bool {
			return slices.Contains([]string{"127.0.0.1", "127.0.0.0/8", "*"}, strings.TrimSpace(s))
		}) {
			tell(name, "NO_PROXY does not leave out 127.0.0.1: the token and every prompt go through this proxy", High)
		}
	}
}

// trusting tells whether one of loaders loads no code.
func trusting(name string) bool {
	return slices.Contains([]string{
		"NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "PYTHONHTTPSVERIFY",
		"HOSTALIASES", "LOCALDOMAIN", "RES_OPTIONS", "RESOLV_HOST_CONF", "ANTHROPIC_CUSTOM_HEADERS", "CLAUDE_CODE_EXTRA_BODY", "CLAUDE_CODE_CLIENT_CERT",
		"CLAUDE_CODE_CERT_STORE", "IS_SANDBOX", "CLAUDE_CODE_MANAGED_SETTINGS_PATH",
	}, name)
}

// quiet are the variables of our settings that keep Claude Code from telling others.
var quiet = []string{"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "DISABLE_TELEMETRY", "DISABLE_ERROR_REPORTING"}

// loud are those that make it tell.
var loud = []string{"CLAUDE_CODE_ENABLE_TELEMETRY", "OTEL_LOG_USER_PROMPTS", "OTEL_LOG_TOOL_DETAILS"}

func telemetry(_ context.Context, h *Host, a *answer) {
	if f, ok := h.claudeSettings().ours(); ok {
		a.saw(f.path)
		for _, name := range quiet {
			if v := f.env(name); v != "" && !on(v) {
				a.found(f.at("env", name), "traffic that no turn needs is switched on").Fix = fixRepair
			}
		}
	}
	eachSettings(h, a, func(f settingsFile) {
		for _, name := range loud {
			if on(f.env(name)) {
				a.found(f.at("env", name), "what is done, or said, is sent to a collector")
			}
		}
	})
}
