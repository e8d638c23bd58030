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
	"github.com/clawsetup/clawsetup/wizard/compose"
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
		agentCheck("backend-ours", Critical, []string{"E-02", "T-03", "S-02"}, backendOurs, Tampering, Elevation, Exfiltration),
		backendCheck("backend-command", Critical, t03, backendCommand, Elevation, Tampering, UnsafeShell, UnvalidatedInput),
		backendCheck("backend-arguments", High, t03, backendArguments, Elevation, UnsafeShell, UnvalidatedInput),
		backendCheck("backend-permissions", Critical, e02, backendPermissions, Elevation, ExcessPermission, UnsafeShell),
		backendCheck("backend-tools-off", Critical, e02, lacks(fixed(toolsOff)), tools...),
		backendCheck("backend-no-mcp", High, e02, lacksNoMCP, Elevation, SupplyChain),
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

func backendCheck(id string, severity Severity, controls []string, ask func(*Host, *answer, *config, backend), categories ...Category) Check {
	return agentCheck(id, severity, controls, func(ctx context.Context, h *Host, a *answer) {
		aboutConfig(h, a, func(c *config) {
			backends, err := h.backends(ctx, c)
			if err != nil {
				a.cannot(h.pluginDir(c), err)
			}
			for _, b := range backends {
				a.saw(b.file)
				ask(h, a, c, b)
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

// elsewhere are variables that send Claude Code to another address whatever their value:
// names that are in the program of 2.1.330.
var elsewhere = []string{
	"ANTHROPIC_BEDROCK_BASE_URL", "ANTHROPIC_VERTEX_BASE_URL", "ANTHROPIC_FOUNDRY_BASE_URL", "ANTHROPIC_AWS_BASE_URL", "ANTHROPIC_GOOGLE_CLOUD_BASE_URL",
	"ANTHROPIC_BEDROCK_MANTLE_BASE_URL", "ANTHROPIC_UNIX_SOCKET", "CLAUDE_CODE_API_BASE_URL", "CLAUDE_CODE_CUSTOM_OAUTH_URL", "CLAUDE_CODE_RUNNER_MODEL_SOCKET",
	"CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY", "CLAUDE_CODE_USE_ANTHROPIC_AWS", "CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD",
	"CLAUDE_CODE_USE_MANTLE", "CLAUDE_CODE_USE_GATEWAY",
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

// loaders are variables that put code into a program, or its traffic in other hands, in
// Claude Code, OpenClaw or what they start, besides those of compose.Steering: a container
// has a PATH, and its proxies have a check of their own.
var loaders = []string{
	"NODE_PATH", "NODE_REPL_EXTERNAL_MODULE", "BUN_OPTIONS", "LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "DYLD_INSERT_LIBRARIES", "DYLD_LIBRARY_PATH", "DYLD_FRAMEWORK_PATH",
	"ZDOTDIR", "PATH", "SHELL", "RUBYOPT", "RUBYLIB", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS",
	"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_EXEC_PATH", "GIT_CONFIG_GLOBAL",
	"ANTHROPIC_CUSTOM_HEADERS", "CLAUDE_CODE_EXTRA_BODY", "CLAUDE_CODE_SHELL", "CLAUDE_CODE_SHELL_PREFIX", "CLAUDE_CODE_GIT_BASH_PATH", "CLAUDE_CODE_PROCESS_WRAPPER",
	"CLAUDE_CODE_TEAMMATE_COMMAND", "CLAUDE_CODE_CLIENT_CERT", "CLAUDE_CODE_CERT_STORE", "CLAUDE_CODE_PLUGIN_DIRS", "CLAUDE_CODE_PLUGIN_SEED_DIR", "CLAUDE_ENV_FILE",
	"CLAUDE_CODE_MANAGED_SETTINGS_PATH", "IS_SANDBOX",
}

// loads tells whether a variable is one of loaders, or of those that steer a container's
// program. What sets glibc's memory up, as many a guide does, is left out: it is harmless
// in a program that nobody but the operator gives variables.
func loads(name string) bool {
	return slices.Contains(loaders, name) || compose.Steers(name) && !strings.HasPrefix(name, "MALLOC_")
}

// allLoaders are all names that loads knows, but for those that it knows by how they begin.
func allLoaders() []string { return slices.Concat(loaders, compose.Steering) }

// usual are loaders that any environment of a user has.
var usual = []string{"PATH", "SHELL", "ENV", "ZDOTDIR"}

func foreignEnvironment(ctx context.Context, h *Host, a *answer) {
	aboutConfig(h, a, func(c *config) {
		h.variables(ctx, a, c, func(v variable, at Location) {
			if !loads(strings.ToUpper(v.name)) {
				return
			}
			f := a.found(at, "it changes what a program loads, or who sees its traffic")
			if len(v.path) > 0 {
				f.repairedBy(Repair{In: c.path, Key: v.path, Remove: true})
			}
		})
		throughProxy(a, c)
		if c.get("env.shellEnv.enabled") == true {
			path := []string{"env", "shellEnv", "enabled"}
			h.chosen(a.found(c.at(path...), "the profile of a login shell brings the operator's own variables along, credentials too"), "", path...).repairedBy(c.set(false, path...))
		}
	})
}

// backendClearEnv: what is not cleared is inherited from whoever started OpenClaw.
func backendClearEnv(_ *Host, a *answer, c *config, b backend) {
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
