package openclaw

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/claude"
	"github.com/clawsetup/clawsetup/wizard/claude/command"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/openclaw/json5"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// rule judges the value of one key that we own.
type rule func(v any) error

// rules are our schema: the keys of Settings with the types that OpenClaw 2026.7.35
// and 2026.9.6 want there.
var rules = map[string]rule{
	"env.shellEnv.enabled":                       boolean,
	"env.vars.CLAUDE_CONFIG_DIR":                 word,
	"models.providers.cloudru-claude.baseUrl":    loopback,
	"models.providers.cloudru-claude.api":        word,
	"models.providers.cloudru-claude.models":     models,
	"secrets.providers.clawsetup":                secretProvider,
	"agents.defaults.model":                      modelChoice,
	"agents.defaults.models":                     objectOf,
	"agents.defaults.modelPolicy.allow":          words,
	"agents.defaults.utilityModel":               word,
	"agents.defaults.timeoutSeconds":             count,
	"agents.defaults.cliBackends.cloudru-claude": CheckBackend,
	"plugins.load.paths":                         words,
	"plugins.allow":                              words,
	"plugins.deny":                               words,
	"plugins.entries.cloudru-claude.enabled":     boolean,
	"plugins.entries.anthropic.enabled":          boolean,
}

// hardeningRules are the rules of the keys of the hardening's parts in settings.
func hardeningRules(settings []Setting) map[string]rule {
	out := map[string]rule{}
	for _, s := range settings {
		if s.Part == "" {
			continue
		}
		dotted := strings.Join(s.Path, ".")
		switch s.Value.(type) {
		case bool:
			out[dotted] = boolean
		case int:
			out[dotted] = count
		case []string:
			out[dotted] = words
		case string:
			out[dotted] = word
			if s.order != nil {
				out[dotted] = oneOf(s.order...)
			}
		case secretRef:
			out[dotted] = wordOrReference
		}
	}
	return out
}

// ValidateOwn checks the keys that we write, which settings are, for when no OpenClaw is installed:
// their types, loopback addresses (S-02), absolute commands named claude or codex
// without metacharacters, and no argument that skips permissions (T-03, E-04).
func ValidateOwn(candidate []byte, settings []Setting) error {
	doc, err := parseConfig(candidate)
	if err != nil {
		return err
	}
	all := hardeningRules(settings)
	maps.Copy(all, rules)
	for _, dotted := range sortedKeys(all) {
		p := path(dotted)
		v, ok := doc.Get(p)
		if !ok {
			continue
		}
		if err := all[dotted](v); err != nil {
			line, _, _ := doc.Position(p)
			return hint.With(fmt.Errorf("openclaw.json line %d: %s: %w", line, dotted, err), "openclaw-own-rule", dotted)
		}
	}
	return oursToLoopback(doc)
}

// oursToLoopback checks each provider that carries our token: it must go nowhere
// but to the proxy (S-02).
func oursToLoopback(doc *json5.Document) error {
	all, _ := doc.Get(path("models.providers"))
	providers, _ := all.(map[string]any)
	for _, name := range sortedKeys(providers) {
		m, _ := providers[name].(map[string]any)
		ref, _ := m["apiKey"].(map[string]any)
		if ref["provider"] != SecretProvider {
			continue
		}
		if err := loopback(m["baseUrl"]); err != nil {
			at := "models.providers." + text.Clean(name, 80) + ".baseUrl"
			return hint.With(fmt.Errorf("openclaw.json: %s: %w", at, err), "openclaw-own-rule", at)
		}
	}
	return nil
}

func boolean(v any) error {
	if _, ok := v.(bool); !ok {
		return errors.New("it has to be true or false")
	}
	return nil
}

func word(v any) error {
	if _, ok := v.(string); !ok {
		return errors.New("it has to be a string")
	}
	return nil
}

func wordOrReference(v any) error {
	if m, ok := v.(map[string]any); ok {
		return errors.Join(word(m["source"]), word(m["provider"]), word(m["id"]))
	}
	return word(v)
}

func objectOf(v any) error {
	if _, ok := v.(map[string]any); !ok {
		return errors.New("it has to be an object")
	}
	return nil
}

func words(v any) error {
	list, ok := v.([]any)
	for _, e := range list {
		_, isString := e.(string)
		ok = ok && isString
	}
	if !ok {
		return errors.New("it has to be a list of strings")
	}
	return nil
}

func count(v any) error {
	n, ok := v.(json.Number)
	if i, err := n.Int64(); !ok || err != nil || i < 0 {
		return errors.New("it has to be a whole number")
	}
	return nil
}

func oneOf(values ...string) rule {
	return func(v any) error {
		for _, want := range values {
			if v == want {
				return nil
			}
		}
		return fmt.Errorf("it has to be one of %s", strings.Join(values, ", "))
	}
}

func absolute(v any) error {
	s, _ := v.(string)
	return command.CheckPath(s)
}

func loopback(v any) error {
	s, _ := v.(string)
	return claude.CheckProxyURL(s)
}

func modelChoice(v any) error {
	if _, ok := v.(string); ok {
		return nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		return errors.New("it has to be a model or an object with primary and fallbacks")
	}
	for key, e := range m {
		switch key {
		case "primary":
			if err := word(e); err != nil {
				return fmt.Errorf("primary: %w", err)
			}
		case "fallbacks":
			if err := words(e); err != nil {
				return fmt.Errorf("fallbacks: %w", err)
			}
		}
	}
	return nil
}

func models(v any) error {
	list, ok := v.([]any)
	if !ok {
		return errors.New("it has to be a list of models")
	}
	for _, e := range list {
		m, _ := e.(map[string]any)
		if id, _ := m["id"].(string); id == "" {
			return errors.New("a model has no id")
		}
	}
	return nil
}

func secretProvider(v any) error {
	m, ok := v.(map[string]any)
	if !ok || m["source"] != "exec" {
		return errors.New("it has to be an exec provider")
	}
	if err := absolute(m["command"]); err != nil {
		return fmt.Errorf("command: %w", err)
	}
	return arguments(m["args"], false)
}

// CheckBackend is the rule for an entry of agents.defaults.cliBackends (controls
// T-03, E-04): v is the decoded entry. Merge holds it against our own entry; the
// operator's other backends are for doctor to report.
func CheckBackend(v any) error {
	m, ok := v.(map[string]any)
	if !ok {
		return errors.New("it has to be an object")
	}
	cmd, _ := m["command"].(string)
	if err := claude.CheckCommand(cmd); err != nil {
		return fmt.Errorf("command: %w", err)
	}
	for _, key := range []string{"args", "resumeArgs"} {
		if err := arguments(m[key], true); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	env, _ := m["env"].(map[string]any)
	if base, ok := env["ANTHROPIC_BASE_URL"]; ok {
		if err := loopback(base); err != nil {
			return fmt.Errorf("env.ANTHROPIC_BASE_URL: %w", err)
		}
	}
	return nil
}

// arguments refuses flags that skip permissions, and, where an argument holds no
// placeholder or pattern of ours, shell metacharacters.
func arguments(v any, backend bool) error {
	if v == nil {
		return nil
	}
	if err := words(v); err != nil {
		return err
	}
	var args []string
	for _, e := range v.([]any) {
		args = append(args, e.(string))
	}
	if flag := SkipsPermissions(args); flag != "" {
		return fmt.Errorf("%s skips permissions", flag)
	}
	check := CheckArgument
	if !backend {
		check = wordOrEmpty
	}
	for _, arg := range args {
		if err := check(arg); err != nil {
			return err
		}
	}
	return nil
}

// SkipsPermissions is what among the arguments of Claude Code or codex lets it act without
// asking; empty where nothing does. It is fit to be shown.
func SkipsPermissions(args []string) string {
	for i, arg := range args {
		for _, flag := range []string{"dangerously", "bypassPermissions", "acceptEdits", "danger-full-access", "--full-auto", "--yolo", "--enable-auto-mode"} {
			if strings.Contains(arg, flag) {
				return flag
			}
		}
		name, mode, joined := strings.Cut(arg, "=")
		if name != "--permission-mode" {
			continue
		}
		if !joined && i+1 < len(args) {
			mode = args[i+1]
		}
		if !claude.Asks(mode) {
			return name + " " + text.Clean(mode, 40)
		}
	}
	return ""
}

// CheckArgument refuses shell metacharacters in an argument of a backend that is no
// placeholder or pattern of ours (controls T-03, E-04).
func CheckArgument(arg string) error {
	if arg == "{sessionId}" || arg == "mcp__*" {
		return nil
	}
	return wordOrEmpty(arg)
}

func wordOrEmpty(arg string) error {
	if arg == "" {
		return nil
	}
	return command.CheckWord(arg)
}
