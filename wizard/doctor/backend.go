package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/claude"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// backendChecks ask which program OpenClaw starts as the agent's engine, with what. They
// hold for the backends in a configuration before 2026.8 and for that of our plugin.
func backendChecks() []Check {
	e02 := []string{"E-02"}
	t03 := []string{"T-03", "E-04"}
	tools := []Category{Elevation, ExcessPermission}
	return []Check{
		agentCheck("backend-registered", High, []string{"E-04", "S-02"}, backendRegistered, Tampering, Disclosure),
		backendCheck("backend-command", Critical, t03, backendCommand, Elevation, Tampering, UnsafeShell, UnvalidatedInput),
		backendCheck("backend-arguments", High, t03, backendArguments, Elevation, UnsafeShell, UnvalidatedInput),
		backendCheck("backend-permissions", Critical, e02, backendPermissions, Elevation, ExcessPermission, UnsafeShell),
		backendCheck("backend-tools-off", Critical, e02, lacks(toolsOff), tools...),
		backendCheck("backend-no-mcp", High, e02, lacks(noMCP), Elevation, SupplyChain),
		backendCheck("backend-settings", Critical, []string{"S-02", "E-02"}, lacks(ownSettings), Spoofing, Elevation, IndirectInjection),
		backendCheck("backend-resume", Critical, e02, backendResume, tools...),
		agentCheck("base-url", Critical, []string{"S-02"}, backendAddress, Spoofing, Disclosure, Exfiltration, CredentialLeak),
		agentCheck("foreign-environment", High, []string{"gap 19", "T-03"}, foreignEnvironment, Tampering, Elevation, UnsafeShell),
		backendCheck("backend-clear-env", Medium, []string{"gap 19", "S-02"}, backendClearEnv, Disclosure, CredentialLeak),
	}
}

// backend is a program that OpenClaw starts as an engine.
type backend struct {
	name string
	// file and path are where it is defined; path is empty in a plugin.
	file string
	path []string
	// ours says that it has our name.
	ours   bool
	config map[string]any
}

// at is the place of a key of the backend.
func (b backend) at(c *config, key string) Location {
	if len(b.path) > 0 {
		return c.at(append(slices.Clone(b.path), key)...)
	}
	return Location{Path: b.file, Key: key}
}

// claude tells whether the arguments are those of Claude Code. A command that is neither
// it nor codex is a finding of its own.
func (b backend) claude() bool {
	name := strings.ToLower(filepath.Base(textAt(b.config, "command")))
	return !strings.HasPrefix(name, "codex")
}

// backends are those in the configuration and that of our plugin. An error is a plugin of
// our name whose program is not as clawsetup writes it.
func (h *Host) backends(_ context.Context, c *config) ([]backend, error) {
	var out []backend
	entries := c.object("agents.defaults.cliBackends")
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		config, _ := entries[name].(map[string]any)
		out = append(out, backend{name: name, file: c.path, path: []string{"agents", "defaults", "cliBackends", name}, ours: name == openclaw.BackendID, config: config})
	}
	dir := h.pluginDir(c)
	if dir == "" {
		return out, nil
	}
	path := filepath.Join(dir, "index.js")
	r := h.read(path)
	switch {
	case r.err != nil:
		return out, fmt.Errorf("the plugin's program cannot be read: %s", reason(r.err))
	case !r.exists:
		return out, errors.New("the plugin's program is gone")
	}
	config, ok := openclaw.PluginBackend(r.data)
	if !ok {
		return out, errors.New("the plugin's program is not as clawsetup writes it: nobody can say what it runs")
	}
	return append(out, backend{name: openclaw.BackendID, file: path, ours: true, config: config}), nil
}

// pluginDir is the folder of our plugin: the one that the configuration loads, or the one
// that was made.
func (h *Host) pluginDir(c *config) string {
	for _, p := range c.texts("plugins.load.paths") {
		if dir := h.expand(p, h.openClawDir()); filepath.Base(dir) == openclaw.BackendID {
			return dir
		}
	}
	if h.Made != nil && !h.Made.NoAgent && h.Made.Contract == openclaw.Plugin {
		return filepath.Join(h.Made.AgentDir, openclaw.BackendID)
	}
	return ""
}

func backendCheck(id string, severity Severity, controls []string, ask func(*answer, *config, backend), categories ...Category) Check {
	return agentCheck(id, severity, controls, func(ctx context.Context, h *Host, a *answer) {
		aboutConfig(h, a, func(c *config) {
			backends, err := h.backends(ctx, c)
			if err != nil {
				a.cannot(h.pluginDir(c), err)
			}
			for _, b := range backends {
				a.saw(b.file)
				ask(a, c, b)
			}
		})
	}, categories...)
}

// backendRegistered: without ours OpenClaw takes its own, which has tools and goes to the
// public API.
func backendRegistered(ctx context.Context, h *Host, a *answer) {
	if h.Made == nil || h.Made.NoAgent {
		return
	}
	aboutConfig(h, a, func(c *config) {
		a.saw(c.path)
		backends, err := h.backends(ctx, c)
		if err != nil {
			a.found(Location{Path: filepath.Join(h.pluginDir(c), "index.js")}, err.Error())
			return
		}
		switch h.Made.Contract {
		case openclaw.Plugin:
			pluginLoads(h, a, c)
		case openclaw.Builtin:
			if v := c.text("env.vars.CLAUDE_CONFIG_DIR"); v != h.Made.ClaudeDir {
				a.found(c.at("env", "vars", "CLAUDE_CONFIG_DIR"), "it is not the folder with clawsetup's settings for Claude Code").
					repairedBy(c.set(h.Made.ClaudeDir, "env", "vars", "CLAUDE_CONFIG_DIR"))
			}
		case openclaw.Legacy:
			if !slices.ContainsFunc(backends, func(b backend) bool { return b.ours }) {
				a.found(c.at("agents", "defaults", "cliBackends", openclaw.BackendID), "the backend %s is gone", openclaw.BackendID)
			}
		}
	})
}

// pluginLoads: what keeps OpenClaw from loading our plugin.
func pluginLoads(h *Host, a *answer, c *config) {
	own := filepath.Join(h.Made.AgentDir, openclaw.BackendID)
	if !slices.ContainsFunc(c.texts("plugins.load.paths"), func(p string) bool { return h.expand(p, h.openClawDir()) == own }) {
		list, _ := c.get("plugins.load.paths").([]any)
		a.found(c.at("plugins", "load", "paths"), "it does not hold clawsetup's plugin").repairedBy(c.set(append(slices.Clone(list), own), "plugins", "load", "paths"))
	}
	enabled := []string{"plugins", "entries", openclaw.BackendID, "enabled"}
	if c.get(strings.Join(enabled, ".")) != true {
		a.found(c.at(enabled...), "clawsetup's plugin is not enabled").repairedBy(c.set(true, enabled...))
	}
	if c.get("plugins.enabled") == false {
		a.found(c.at("plugins", "enabled"), "no plugin is loaded")
	}
	if slices.Contains(c.texts("plugins.deny"), openclaw.BackendID) {
		a.found(c.at("plugins", "deny"), "it denies clawsetup's plugin")
	}
	if list := c.texts("plugins.allow"); len(list) > 0 && !slices.Contains(list, openclaw.BackendID) {
		a.found(c.at("plugins", "allow"), "it does not allow clawsetup's plugin").repairedBy(c.set(append(list, openclaw.BackendID), "plugins", "allow"))
	}
}

func backendCommand(a *answer, c *config, b backend) {
	if err := claude.CheckCommand(textAt(b.config, "command")); err != nil {
		a.found(b.at(c, "command"), "the command of backend %s: %s", text.Clean(b.name, 60), text.Clean(err.Error(), 150))
	}
}

// arguments are the lists of arguments that a backend has.
func (b backend) arguments() map[string][]string {
	out := map[string][]string{}
	for _, key := range []string{"args", "resumeArgs", "sessionArgs"} {
		if _, has := b.config[key]; has {
			out[key] = wordsAt(b.config, key)
		}
	}
	return out
}

// eachArgument asks of every argument, in order.
func (b backend) eachArgument(ask func(key, arg string)) {
	lists := b.arguments()
	for _, key := range slices.Sorted(maps.Keys(lists)) {
		for _, arg := range lists[key] {
			ask(key, arg)
		}
	}
}

// widening are options of Claude Code that open what the lock-down closes.
var widening = []string{"--mcp-config", "--add-dir", "--allowedTools", "--allowed-tools", "--plugin-dir", "--agents", "--chrome", "--ide"}

func backendArguments(a *answer, c *config, b backend) {
	b.eachArgument(func(key, arg string) {
		name, _, _ := strings.Cut(arg, "=")
		switch err := openclaw.CheckArgument(arg); {
		case openclaw.SkipsPermissions(arg) != "":
		case err != nil:
			a.found(b.at(c, key), "an argument of backend %s: %s", text.Clean(b.name, 60), text.Clean(err.Error(), 150))
		case b.claude() && slices.Contains(widening, name):
			a.found(b.at(c, key), "backend %s is started with %s", text.Clean(b.name, 60), name)
		}
	})
}

func backendPermissions(a *answer, c *config, b backend) {
	b.eachArgument(func(key, arg string) {
		if flag := openclaw.SkipsPermissions(arg); flag != "" {
			a.found(b.at(c, key), "backend %s acts without asking: %s", text.Clean(b.name, 60), flag)
		}
	})
}

// lock is an option that a locked-down Claude Code is started with.
type lock struct {
	option, value, why string
}

// The lock-down of Claude Code, in the order of its arguments.
var (
	toolsOff    = []lock{{"--tools", "", "its tools are on"}}
	noMCP       = []lock{{"--strict-mcp-config", "", "it takes MCP servers from any configuration that it finds"}, {"--disallowedTools", "mcp__*", "tools of MCP servers are not refused"}}
	ownSettings = []lock{{"--setting-sources", "", "settings of the folder that it works in hold, its hooks and ANTHROPIC_BASE_URL too"}}
)

// in tells whether arguments hold the option with its value, as one word or as two. The
// last one counts.
func (l lock) in(args []string) bool {
	held := false
	for i, arg := range args {
		name, value, joined := strings.Cut(arg, "=")
		if name != l.option {
			continue
		}
		if l.option == "--strict-mcp-config" {
			return true
		}
		next := ""
		if !joined && i+1 < len(args) {
			next = args[i+1]
		}
		held = joined && value == l.value || !joined && i+1 < len(args) && next == l.value
		if held && l.option == "--tools" && !joined && i+2 < len(args) && !strings.HasPrefix(args[i+2], "-") {
			held = false // more values follow
		}
	}
	return held
}

// lacks finds a backend that is started without some of the lock-down.
func lacks(locks []lock) func(*answer, *config, backend) {
	return func(a *answer, c *config, b backend) {
		if !b.claude() {
			return
		}
		for _, l := range locks {
			if !l.in(wordsAt(b.config, "args")) {
				a.found(b.at(c, "args"), "backend %s is started without %s: %s", text.Clean(b.name, 60), l, l.why)
			}
		}
	}
}

// String is the option as it is written.
func (l lock) String() string {
	if l.option == "--strict-mcp-config" {
		return l.option
	}
	return fmt.Sprintf("%s %q", l.option, l.value)
}

// backendResume: args and resumeArgs are two lists; a conversation that goes on must be
// locked down as one that begins.
func backendResume(a *answer, c *config, b backend) {
	if !b.claude() {
		return
	}
	resumes := textAt(b.config, "sessionMode") != "none"
	args, again := wordsAt(b.config, "args"), wordsAt(b.config, "resumeArgs")
	if _, has := b.config["resumeArgs"]; !has {
		if resumes && !b.ours {
			a.found(b.at(c, "resumeArgs"), "backend %s goes on with OpenClaw's own arguments", text.Clean(b.name, 60))
		}
		return
	}
	for _, l := range slices.Concat(toolsOff, noMCP, ownSettings) {
		if l.in(args) && !l.in(again) {
			a.found(b.at(c, "resumeArgs"), "backend %s goes on without %s: %s", text.Clean(b.name, 60), l, l.why)
		}
	}
}

// variable is one that the configuration sets.
type variable struct {
	name, value string
	path        []string
}

// environment are the variables that the configuration gives to programs: to all, to a
// backend of it, to skills.
func (c *config) environment() []variable {
	var out []variable
	add := func(m map[string]any, path ...string) {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			if s, ok := m[name].(string); ok {
				out = append(out, variable{name, s, append(slices.Clone(path), name)})
			}
		}
	}
	add(c.object("env.vars"), "env", "vars")
	// Before 2026.8 variables may stand beside vars.
	add(c.object("env"), "env")
	for _, group := range [][]string{{"agents", "defaults", "cliBackends"}, {"skills", "entries"}} {
		m := c.object(strings.Join(group, "."))
		for _, name := range slices.Sorted(maps.Keys(m)) {
			env, _ := lookAt(m[name], "env").(map[string]any)
			add(env, append(slices.Clone(group), name, "env")...)
		}
	}
	return out
}

// variables are those of the configuration, and those of our plugin's backend.
func (h *Host) variables(ctx context.Context, a *answer, c *config, ask func(variable, Location)) {
	a.saw(c.path)
	for _, v := range c.environment() {
		ask(v, c.at(v.path...))
	}
	backends, err := h.backends(ctx, c)
	if err != nil {
		a.cannot(h.pluginDir(c), err)
	}
	for _, b := range backends {
		if len(b.path) > 0 {
			continue
		}
		a.saw(b.file)
		env, _ := b.config["env"].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(env)) {
			if s, ok := env[name].(string); ok {
				ask(variable{name: name, value: s}, Location{Path: b.file, Key: "env." + name})
			}
		}
	}
}

// elsewhere are variables that send Claude Code to another address whatever their value.
var elsewhere = []string{
	"ANTHROPIC_BEDROCK_BASE_URL", "ANTHROPIC_VERTEX_BASE_URL", "ANTHROPIC_FOUNDRY_BASE_URL", "ANTHROPIC_UNIX_SOCKET",
	"CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY",
}

// backendAddress: who answers at the address gets the token and every prompt.
func backendAddress(ctx context.Context, h *Host, a *answer) {
	aboutConfig(h, a, func(c *config) {
		h.variables(ctx, a, c, func(v variable, at Location) {
			var f *Finding
			switch {
			case v.name == "ANTHROPIC_BASE_URL":
				if why := h.notProxy(v.value); why != "" {
					f = a.found(at, "the address %s", why)
				}
			case slices.Contains(elsewhere, v.name) && switchedOn(v.value):
				f = a.found(at, "it sends Claude Code elsewhere than to the proxy")
			}
			if f != nil && len(v.path) > 0 {
				f.repairedBy(Repair{In: c.path, Key: v.path, Remove: true})
			}
		})
	})
}

// notProxy says why an address is not that of the proxy; empty when it is.
func (h *Host) notProxy(address string) string {
	if err := claude.CheckProxyURL(address); err != nil {
		return "is not on this host alone: " + err.Error()
	}
	if h.Made != nil && address != h.proxyURL() {
		return fmt.Sprintf("has another port than the proxy's %d", h.Made.Port)
	}
	return ""
}

// loaders are variables that put code into a program, or its traffic in other hands.
var loaders = []string{
	"NODE_OPTIONS", "NODE_PATH", "NODE_REPL_EXTERNAL_MODULE", "NODE_TLS_REJECT_UNAUTHORIZED", "NODE_EXTRA_CA_CERTS", "LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT",
	"DYLD_INSERT_LIBRARIES", "DYLD_LIBRARY_PATH", "BASH_ENV", "ENV", "PATH", "SHELL", "PYTHONPATH", "PYTHONSTARTUP", "PERL5OPT", "RUBYOPT", "JAVA_TOOL_OPTIONS",
	"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "SSLKEYLOGFILE", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSH_COMMAND",
	"CLAUDE_CODE_EXTRA_BODY", "ANTHROPIC_CUSTOM_HEADERS", "CLAUDE_CODE_SHELL", "CLAUDE_CODE_SHELL_PREFIX", "IS_SANDBOX",
}

func foreignEnvironment(ctx context.Context, h *Host, a *answer) {
	aboutConfig(h, a, func(c *config) {
		h.variables(ctx, a, c, func(v variable, at Location) {
			if !slices.Contains(loaders, strings.ToUpper(v.name)) {
				return
			}
			f := a.found(at, "it changes what a program loads, or who sees its traffic")
			if len(v.path) > 0 {
				f.repairedBy(Repair{In: c.path, Key: v.path, Remove: true})
			}
		})
		if c.get("env.shellEnv.enabled") == true {
			path := []string{"env", "shellEnv", "enabled"}
			h.chosen(a.found(c.at(path...), "the profile of a login shell brings the operator's own variables along, credentials too"), "", path...).repairedBy(c.set(false, path...))
		}
	})
}

// backendClearEnv: what is not cleared is inherited from whoever started OpenClaw.
func backendClearEnv(a *answer, c *config, b backend) {
	if !b.claude() {
		return
	}
	have := wordsAt(b.config, "clearEnv")
	missing := slices.DeleteFunc(claude.ClearEnv(), func(name string) bool { return slices.Contains(have, name) })
	if len(missing) == 0 {
		return
	}
	f := a.found(b.at(c, "clearEnv"), "backend %s inherits %s", text.Clean(b.name, 60), strings.Join(missing, ", "))
	if len(b.path) > 0 {
		f.repairedBy(c.set(append(slices.Clone(have), missing...), append(slices.Clone(b.path), "clearEnv")...))
	}
}
