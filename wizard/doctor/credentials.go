package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/claude"
	"github.com/clawsetup/clawsetup/wizard/claude/command"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// credentialChecks ask what of the configuration is a credential in the clear. Each text
// belongs to one of them: the gateway's own to gateway-token, those of MCP servers to
// mcp-secrets, and a well-known word in place of a secret to sentinel-keys, wherever it is.
func credentialChecks() []Check {
	i02 := []string{"I-02", "A4"}
	leak := []Category{Disclosure, CredentialLeak}
	return []Check{
		agentCheck("plaintext-credentials", High, i02, inConfig(plaintext(inFile)), leak...),
		agentCheck("channel-credentials", High, []string{"gap 12", "gap 10", "I-02"}, inConfig(plaintext(inChannel)), leak...),
		agentCheck("environment-credentials", High, []string{"I-02", "gap 19"}, inConfig(plaintext(inEnvironment)), leak...),
		agentCheck("sentinel-keys", High, []string{"I-02", "S-01"}, inConfig(sentinelKeys), Spoofing, CredentialLeak),
		agentCheck("secret-provider", High, []string{"T-03", "I-02"}, inConfig(secretProviders), Tampering, Elevation, CredentialLeak),
	}
}

// home is where a credential belongs.
type home int

const (
	inFile home = iota
	inChannel
	inEnvironment
	inGateway
	inMCP
)

func (l leaf) home() home {
	switch {
	case l.below("gateway", "auth") && len(l.path) == 3:
		return inGateway
	case l.below("channels"):
		return inChannel
	case l.below("mcp", "servers"), l.below("mcpServers"):
		return inMCP
	case l.below("env"), l.below("agents", "defaults", "cliBackends", "*", "env"), l.below("skills", "entries", "*", "env"):
		return inEnvironment
	}
	return inFile
}

// credential tells whether a text is one: by its key, or by what it looks like.
func (l leaf) credential() bool {
	if len(l.path) == 0 || l.value == "" {
		return false
	}
	return secrets.CredentialName(l.last()) || secrets.CredentialValue(l.value)
}

var environmentName = text.Pattern(`^\$\{[A-Za-z_][A-Za-z0-9_]*\}$`)

// fromEnvironment tells whether a text only names a variable.
func fromEnvironment(value string) bool {
	return environmentName().MatchString(strings.TrimPrefix(strings.TrimPrefix(value, "Bearer "), "bearer "))
}

// sentinel tells whether a value is a word that guides put in place of a secret. What only
// names a variable is none.
func sentinel(value string) bool {
	_, err := secrets.ParseAPIKey([]byte(value))
	return errors.Is(err, secrets.ErrSentinel) && !fromEnvironment(value)
}

func plaintext(where home) func(*Host, *answer, *config) {
	return func(h *Host, a *answer, c *config) {
		for _, l := range c.strings {
			if l.home() != where {
				continue
			}
			a.saw(c.path)
			if !l.credential() || sentinel(l.value) {
				continue
			}
			switch {
			case fromEnvironment(l.value):
				a.found(c.at(l.path...), "it is taken from the environment, which every child process inherits").milder(Low)
			default:
				f := a.found(c.at(l.path...), "it is in the file in the clear")
				h.chosen(f, "", l.path...)
				ownKey(c, f, l.path)
			}
		}
	}
}

// ownKey lets doctor --fix put the reference to the proxy's token back where only that
// belongs.
func ownKey(c *config, f *Finding, path []string) {
	provider := c.get("secrets.providers." + openclaw.SecretProvider)
	if provider == nil || strings.Join(path, ".") != "models.providers."+openclaw.BackendID+".apiKey" {
		return
	}
	f.repairedBy(c.set(map[string]any{"source": "exec", "provider": openclaw.SecretProvider, "id": openclaw.SecretProxyToken}, path...))
}

// sentinelKeys: whoever read the same guide knows the secret.
func sentinelKeys(_ *Host, a *answer, c *config) {
	a.saw(c.path)
	for _, l := range c.strings {
		if len(l.path) > 0 && secrets.CredentialName(l.last()) && sentinel(l.value) {
			ownKey(c, a.found(c.at(l.path...), "it is a word that guides give, and no secret"), l.path)
		}
	}
}

// secretProviders: the command of a provider runs whenever OpenClaw starts.
func secretProviders(h *Host, a *answer, c *config) {
	providers := c.object("secrets.providers")
	for _, name := range slices.Sorted(maps.Keys(providers)) {
		at := []string{"secrets", "providers", name}
		a.saw(c.path)
		for _, key := range []string{"allowInsecurePath", "allowSymlinkCommand"} {
			if lookAt(providers[name], key) == true {
				a.found(c.at(append(at, key)...), "it lets others put a program in place of the provider's").
					repairedBy(Repair{In: c.path, Key: append(slices.Clone(at), key), Remove: true})
			}
		}
		if textAt(providers[name], "source") == "exec" {
			h.providerCommand(a, c, name, textAt(providers[name], "command"))
			if m, ok := providers[name].(map[string]any); ok && name == openclaw.SecretProvider {
				h.providerOurs(a, c, m)
			}
		} else if name == openclaw.SecretProvider {
			a.found(c.at(at...), "it is not clawsetup's provider of secrets")
		}
	}
}

func (h *Host) providerCommand(a *answer, c *config, name, path string) {
	where := c.at("secrets", "providers", name, "command")
	if err := command.CheckPath(path); err != nil {
		a.found(where, "the command of provider %s: %s", text.Clean(name, 60), err)
		return
	}
	if name == openclaw.SecretProvider && !h.ownProgram(path) {
		a.found(where, "the provider %s does not run clawsetup", name)
		return
	}
	switch why, err := h.othersWrite(path); {
	case errors.Is(err, fs.ErrNotExist):
		// OpenClaw does not start without it; that is no threat.
	case err != nil:
		a.cannot(path, err)
	case why != "":
		a.found(where, why)
	}
}

// providerOurs compares what our provider is given with what clawsetup writes: the secrets
// go to whoever answers.
func (h *Host) providerOurs(a *answer, c *config, has map[string]any) {
	if h.Made == nil || h.Made.NoAgent || !h.ownProgram(textAt(has, "command")) {
		return
	}
	argv := claude.OwnCommand(textAt(has, "command"), "secrets", h.Made.SetupFile)
	if textAt(has, "command") == h.secretLauncher() {
		argv = []string{h.secretLauncher()}
	}
	want, err := openclaw.SecretProviderFor(argv)
	if err != nil {
		a.cannot(c.path, err)
		return
	}
	for _, key := range differing(has, want) {
		if key == "allowInsecurePath" || key == "allowSymlinkCommand" {
			continue // told already
		}
		f := a.found(c.at("secrets", "providers", openclaw.SecretProvider, key), "it is not what clawsetup writes")
		if v, ok := want[key]; ok {
			f.repairedBy(c.set(v, "secrets", "providers", openclaw.SecretProvider, key))
		} else {
			f.repairedBy(Repair{In: c.path, Key: []string{"secrets", "providers", openclaw.SecretProvider, key}, Remove: true})
		}
	}
}

// secretLauncher is our script before clawsetup, where OpenClaw would refuse the program
// itself.
func (h *Host) secretLauncher() string { return filepath.Join(h.Made.AgentDir, "secrets") }

// ownProgram tells whether a command is clawsetup's, or our script before it.
func (h *Host) ownProgram(path string) bool {
	if h.Made != nil {
		return path == h.secretLauncher() || h.leadsToProgram(path)
	}
	return strings.HasPrefix(strings.ToLower(filepath.Base(path)), "clawsetup")
}

// leadsToProgram tells whether a path is the installation's program, or leads to the same
// file through links that nobody else can turn: which of its names clawsetup was called by
// when it wrote a file, and which it is called by now, may be two.
func (h *Host) leadsToProgram(path string) bool {
	if path == h.Made.Program {
		return true
	}
	if !filepath.IsAbs(path) || resolvedPath(path) != resolvedPath(h.Made.Program) {
		return false
	}
	for range mostLinks {
		st, err := os.Lstat(path)
		if err != nil {
			return false
		}
		owner, known := ownerOf(st)
		if why, err := h.othersWrite(path); err != nil || why != "" || known && owner != 0 && owner != h.UID {
			return false
		}
		if st.Mode()&os.ModeSymlink == 0 {
			return true
		}
		next, err := os.Readlink(path)
		if err != nil {
			return false
		}
		if !filepath.IsAbs(next) {
			next = filepath.Join(resolvedPath(filepath.Dir(path)), next)
		}
		path = next
	}
	return false
}

// mostLinks is how many links the kernel follows on the way to a file.
const mostLinks = 40

// modelChecks ask where prompts go that do not pass Claude Code.
func modelChecks() []Check {
	s02 := []string{"S-02"}
	return []Check{
		agentCheck("provider-base-url", Critical, s02, inConfig(providerURL), Spoofing, Disclosure, Exfiltration),
		agentCheck("utility-model", Medium, s02, utilityModel, Disclosure, Exfiltration),
		agentCheck("model-references", High, []string{"S-02", "E-02", "T-02"}, modelReferences, Tampering, Disclosure, Exfiltration),
	}
}

// providerURL: what OpenClaw asks a model itself goes to the provider's address.
func providerURL(h *Host, a *answer, c *config) {
	providers := c.object("models.providers")
	for _, name := range slices.Sorted(maps.Keys(providers)) {
		a.saw(c.path)
		path := []string{"models", "providers", name, "baseUrl"}
		address := textAt(providers[name], "baseUrl")
		why := h.notProxy(address)
		if why == "" {
			continue
		}
		ours := openclaw.Ours(path) || textAt(providers[name], "apiKey", "provider") == openclaw.SecretProvider
		if address == "" {
			why = "is the provider's own"
		}
		f := h.chosen(a.found(c.at(path...), "the address of provider %s %s", text.Clean(name, 60), why), "", path...)
		switch {
		case h.Made != nil && ours:
			f.repairedBy(c.set(h.proxyURL(), path...))
		case !ours && name != "anthropic" && name != "claude-cli":
			f.milder(Medium)
		}
	}
}

// utilityModel: OpenClaw asks the provider's small model for titles and summaries, past
// Claude Code.
func utilityModel(ctx context.Context, h *Host, a *answer) {
	aboutConfig(h, a, func(c *config) {
		in, err := h.installed(ctx)
		if err == nil && in.Release < utilityRelease {
			return
		}
		a.saw(c.path)
		path := []string{"agents", "defaults", "utilityModel"}
		switch v := c.get(strings.Join(path, ".")).(type) {
		case string:
			if v == "" {
				return
			}
			h.chosen(a.found(c.at(path...), "titles and summaries go to %s", text.Clean(v, 80)), "", path...).repairedBy(c.set("", path...))
		default:
			h.chosen(a.found(c.at(path...), "it is not set: titles and summaries go to the provider's small model"), "", path...).repairedBy(c.set("", path...))
		}
	})
}

// utilityRelease is the first release that was seen to have agents.defaults.utilityModel.
const utilityRelease = 202607

// modelReferences: a model of another provider than our backend's is asked directly, and
// one of ours that another runtime answers for is asked past Claude Code.
func modelReferences(ctx context.Context, h *Host, a *answer) {
	aboutConfig(h, a, func(c *config) {
		ours := []string{openclaw.BackendID} // one that is not registered goes nowhere
		backends, _ := h.backends(ctx, c)
		for _, b := range backends {
			ours = append(ours, b.name)
		}
		// The plugin stands in the place of OpenClaw's own backend, which has tools.
		builtin := h.Made == nil || h.Made.NoAgent || h.Made.Contract != openclaw.Plugin
		if h.contract(ctx, c) == openclaw.Legacy {
			ours = append(ours, "claude-cli")
		}
		for _, r := range c.references() {
			a.saw(c.path)
			provider, _, _ := strings.Cut(r.value, "/")
			runtime := textAt(c.object("agents.defaults.models")[r.value], "agentRuntime", "id")
			if slices.Contains(ours, provider) || builtin && runtime == "claude-cli" || fromEnvironment(r.value) {
				continue
			}
			h.chosen(a.found(c.at(r.path...), "the model %s is asked past Claude Code", text.Clean(r.value, 80)), "", r.path...)
		}
		for _, r := range c.allowedModels() {
			if provider, _, _ := strings.Cut(r.value, "/"); !slices.Contains(ours, provider) {
				h.chosen(a.found(c.at(r.path...), "a chat may choose %s, which is asked past Claude Code", text.Clean(r.value, 80)), "", r.path...).milder(Medium)
			}
		}
		for _, r := range c.runtimes() {
			if !slices.Contains(ours, r.value) && r.value != "auto" && (!builtin || r.value != "claude-cli") {
				h.chosen(a.found(c.at(r.path...), "the runtime %s answers for a model, past Claude Code as clawsetup starts it", text.Clean(r.value, 60)), "", r.path...)
			}
		}
	})
}

// allowedModels are models, and all of a provider, that may be chosen in place of an
// agent's; short names that the configuration gives them aside.
func (c *config) allowedModels() []leaf {
	var out []leaf
	for _, agent := range c.eachAgent() {
		for _, s := range wordsAt(agent.config, "modelPolicy", "allow") {
			if s == "*" || strings.Contains(s, "/") {
				out = append(out, leaf{append(slices.Clone(agent.path), "modelPolicy", "allow"), s})
			}
		}
	}
	return out
}

// runtimes are those that single models are given.
func (c *config) runtimes() []leaf {
	var out []leaf
	for _, agent := range c.eachAgent() {
		models, _ := lookAt(agent.config, "models").(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(models)) {
			if id := textAt(models[name], "agentRuntime", "id"); id != "" {
				out = append(out, leaf{append(slices.Clone(agent.path), "models", name, "agentRuntime", "id"), id})
			}
		}
	}
	return out
}

// modelKeys are the keys of the defaults, and some of them of single agents, that name a
// model in the schemas of 2026.7.35 and 2026.9.6. utilityModel of the defaults has a check
// of its own.
var modelKeys = []string{
	"model", "utilityModel", "decisionModel", "imageModel", "imageGenerationModel", "videoGenerationModel", "musicGenerationModel", "voiceModel", "pdfModel",
	"mediaModels.image", "mediaModels.video", "mediaModels.music", "compaction.model", "compaction.memoryFlush.model", "heartbeat.model", "subagents.model",
	"tts.summaryModel",
}

// references are the models that something is answered by.
func (c *config) references() []leaf {
	var out []leaf
	add := func(v any, path ...string) {
		switch v := v.(type) {
		case string:
			if v != "" {
				out = append(out, leaf{path, v})
			}
		case map[string]any:
			for _, key := range []string{"primary", "fallbacks"} {
				at := append(slices.Clone(path), key)
				if s, ok := v[key].(string); ok && s != "" {
					out = append(out, leaf{at, s})
				}
				for _, s := range wordsAt(v, key) {
					out = append(out, leaf{at, s})
				}
			}
		}
	}
	for _, agent := range c.eachAgent() {
		for _, dotted := range modelKeys {
			if key := strings.Split(dotted, "."); dotted != "utilityModel" || agent.path[1] != "defaults" {
				add(lookAt(agent.config, key...), append(slices.Clone(agent.path), key...)...)
			}
		}
	}
	add(c.get("hooks.gmail.model"), "hooks", "gmail", "model")
	add(c.get("tools.exec.reviewer.model"), "tools", "exec", "reviewer", "model")
	mappings, _ := c.get("hooks.mappings").([]any)
	for i, m := range mappings {
		add(lookAt(m, "model"), "hooks", "mappings", fmt.Sprint(i), "model")
	}
	channels := c.object("channels.modelByChannel")
	for _, name := range slices.Sorted(maps.Keys(channels)) {
		add(channels[name], "channels", "modelByChannel", name)
	}
	return out
}

// credentialFiles: the files in which channels and providers keep what they log in with.
func credentialFiles(ctx context.Context, h *Host, a *answer) {
	if h.OS == "windows" {
		return
	}
	budget := mostCredentialFiles
	look := func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			a.cannot(path, err)
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		}
		if budget--; budget < 0 {
			return errTooMany
		}
		h.privateEntry(a, path, d)
		return nil
	}
	dir := filepath.Join(h.openClawDir(), "credentials")
	if err := filepath.WalkDir(dir, look); err != nil {
		a.cannot(dir, err)
	}
	for _, path := range h.tokenFiles() {
		st, err := os.Stat(path)
		if err == nil {
			err = look(path, fs.FileInfoToDirEntry(st), nil)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			a.cannot(path, err)
		}
	}
}

const mostCredentialFiles = 5000

// privateEntry finds a file or folder that others may open.
func (h *Host) privateEntry(a *answer, path string, d fs.DirEntry) {
	st, err := d.Info()
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		a.cannot(path, err)
	case st.Mode()&fs.ModeSymlink != 0:
		a.found(Location{Path: path}, "it is a link: what it leads to is not in a private folder")
	case !h.private(st.Mode()):
		f := a.found(Location{Path: path}, "other users may open it (mode %04o)", st.Mode().Perm())
		if st.Mode().IsRegular() {
			f.repairedBy(Repair{Private: path, Mode: st.Mode().Perm() &^ 0o077})
		}
	default:
		a.saw(path)
	}
}

// tokenFiles are files with credentials that the configuration names, and those of agents.
func (h *Host) tokenFiles() []string {
	var out []string
	if c, err := h.config(); err == nil && c != nil {
		for _, l := range c.strings {
			if name := l.last(); l.below("channels") && (strings.HasSuffix(name, "File") || name == "privateKeyPath" || name == "certificatePath") && len(out) < most {
				out = append(out, h.expand(l.value, h.openClawDir()))
			}
		}
	}
	agents, _ := filepath.Glob(filepath.Join(globEscape(h.openClawDir()), "agents", "*", "agent", "auth-profiles.json"))
	return append(out, agents[:min(len(agents), most)]...)
}

// globEscape takes a folder as it is called.
func globEscape(path string) string {
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// proxyURL is where Claude Code reaches the proxy.
func (h *Host) proxyURL() string { return fmt.Sprintf("http://127.0.0.1:%d", h.Made.Port) }
