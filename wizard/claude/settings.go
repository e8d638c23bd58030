package claude

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// SettingsParams is what the settings file depends on.
type SettingsParams struct {
	// ProxyURL is http://127.0.0.1:PORT.
	ProxyURL string
	// TokenHelper is the command that prints the proxy token, as argv.
	TokenHelper []string
	// RetentionDays is how long transcripts stay, at least 1 (control I-03).
	RetentionDays int
	// TurnSeconds is the whole budget of a turn, as OpenClaw has it.
	TurnSeconds int
}

// retries is how often Claude Code tries again; its default of ten takes three
// minutes to tell that the proxy is down.
const retries = 1

// MinTurnSeconds is the smallest budget that leaves a request time to answer.
const MinTurnSeconds = 60

// RequestSeconds is how long one request of a turn may take so that all tries and
// the pauses between them fit into turnSeconds (control D-03). The proxy's own
// upstream timeout has to be smaller.
func RequestSeconds(turnSeconds int) int {
	const pauses = 10
	return (turnSeconds - pauses) / (retries + 1)
}

// settings is the file, in the order it is written.
type settings struct {
	Env                        map[string]string `json:"env"`
	APIKeyHelper               string            `json:"apiKeyHelper"`
	CleanupPeriodDays          int               `json:"cleanupPeriodDays"`
	DisableAllHooks            bool              `json:"disableAllHooks"`
	EnableAllProjectMcpServers bool              `json:"enableAllProjectMcpServers"`
	Permissions                permissions       `json:"permissions"`
}

type permissions struct {
	DefaultMode           string   `json:"defaultMode"`
	DisableBypass         string   `json:"disableBypassPermissionsMode"`
	Deny                  []string `json:"deny"`
	Allow                 []string `json:"allow"`
	AdditionalDirectories []string `json:"additionalDirectories"`
}

// deniedTools is the second line of control E-02, for the built-in backend whose
// arguments are not ours: every tool that Claude Code 2.1.197 and 2.1.330 announce. A denied
// tool is not even offered to the model.
var deniedTools = []string{
	"Agent", "AskUserQuestion", "Bash", "BashOutput", "CronCreate", "CronDelete", "CronList", "Edit", "EnterPlanMode",
	"EnterWorktree", "ExitPlanMode", "ExitWorktree", "Glob", "Grep", "KillShell", "ListAgents", "LS", "LSP",
	"ListMcpResourcesTool", "Monitor", "MultiEdit", "NotebookEdit", "NotebookRead", "PowerShell", "Read",
	"ReadMcpResourceTool", "RemoteTrigger", "ReportFindings", "ScheduleWakeup", "SendMessage", "SendUserMessage",
	"Skill", "SlashCommand", "Task", "TaskCreate", "TaskGet", "TaskList", "TaskOutput", "TaskStop", "TaskUpdate",
	"TodoWrite", "ToolSearch", "WebFetch", "WebSearch", "Workflow", "Write", "mcp__*",
}

// environment is what Claude Code reads instead of the environment of whoever
// started it.
func environment(p SettingsParams) map[string]string {
	return map[string]string{
		"ANTHROPIC_BASE_URL": p.ProxyURL, // S-02
		// The names that the proxy maps to big, middle and small.
		"ANTHROPIC_DEFAULT_OPUS_MODEL":   "claude-opus",
		"ANTHROPIC_DEFAULT_SONNET_MODEL": "claude-sonnet",
		"ANTHROPIC_DEFAULT_HAIKU_MODEL":  "claude-haiku",
		"API_TIMEOUT_MS":                 strconv.Itoa(RequestSeconds(p.TurnSeconds) * 1000), // D-03
		"CLAUDE_CODE_MAX_RETRIES":        strconv.Itoa(retries),
		// The proxy knows neither defer_loading nor context_management.
		"CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS":               "1",
		"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC":             "1",
		"CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL": "1",
		"DISABLE_AUTOUPDATER":                                  "1",
		"DISABLE_ERROR_REPORTING":                              "1",
		"DISABLE_TELEMETRY":                                    "1",
		// HTTP_PROXY would capture 127.0.0.1 too, token included.
		"NO_PROXY": "127.0.0.1",
		"no_proxy": "127.0.0.1",
	}
}

// Settings makes the settings file, which belongs to us as a whole. The same
// parameters give the same bytes.
func Settings(p SettingsParams) ([]byte, error) {
	if err := CheckProxyURL(p.ProxyURL); err != nil {
		return nil, fmt.Errorf("claude settings: the proxy address: %w", err)
	}
	if p.RetentionDays < 1 || p.RetentionDays > 3650 {
		return nil, fmt.Errorf("claude settings: a retention of %d days is not between 1 and 3650", p.RetentionDays)
	}
	if p.TurnSeconds < MinTurnSeconds || p.TurnSeconds > 86400 {
		return nil, fmt.Errorf("claude settings: a turn of %d seconds is not between %d and 86400", p.TurnSeconds, MinTurnSeconds)
	}
	helper, err := Quote(p.TokenHelper)
	if err != nil {
		return nil, fmt.Errorf("claude settings: the token command: %w", err)
	}
	s := settings{
		Env: environment(p), APIKeyHelper: helper, CleanupPeriodDays: p.RetentionDays, DisableAllHooks: true,
		Permissions: permissions{
			DefaultMode: "default", DisableBypass: "disable",
			Deny: deniedTools, Allow: []string{}, AdditionalDirectories: []string{},
		},
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(s); err != nil {
		return nil, fmt.Errorf("claude settings: %w", err)
	}
	if err := ValidateSettings(b.Bytes()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// CheckProxyURL accepts http://127.0.0.1:PORT and nothing else (control S-02):
// never a name, which a resolver could point elsewhere, nor [::1], where a rogue
// listener can live beside the real one.
func CheckProxyURL(s string) error {
	u, err := url.Parse(s)
	if err != nil {
		return errors.New("not a URL")
	}
	addr, err := netip.ParseAddrPort(u.Host)
	if err != nil || addr.Addr() != netip.AddrFrom4([4]byte{127, 0, 0, 1}) || addr.Port() == 0 ||
		s != fmt.Sprintf("http://127.0.0.1:%d", addr.Port()) {
		return errors.New("it has to be http://127.0.0.1:PORT")
	}
	return nil
}

// ValidateSettings checks a settings file of ours: no key but ours, and every
// value that a control rests on.
func ValidateSettings(b []byte) error {
	var s settings
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return fmt.Errorf("claude settings: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("claude settings: something follows the object")
	}
	if err := exactNames(b); err != nil {
		return fmt.Errorf("claude settings: %w", err)
	}
	if err := validate(s); err != nil {
		return fmt.Errorf("claude settings: %w", err)
	}
	return nil
}

// exactNames refuses a key that package json takes for one of ours and Claude Code does
// not: "apikeyhelper" would be checked here while "apiKeyHelper" runs there.
func exactNames(b []byte) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	var rules map[string]json.RawMessage
	if err := json.Unmarshal(all["permissions"], &rules); len(all["permissions"]) > 0 && err != nil {
		return err
	}
	for _, part := range []struct {
		names map[string]json.RawMessage
		of    reflect.Type
	}{{all, reflect.TypeFor[settings]()}, {rules, reflect.TypeFor[permissions]()}} {
		known := map[string]bool{}
		for i := range part.of.NumField() {
			known[part.of.Field(i).Tag.Get("json")] = true
		}
		for name := range part.names {
			if !known[name] {
				return fmt.Errorf("%s is not ours", strconv.QuoteToASCII(name))
			}
		}
	}
	return nil
}

func validate(s settings) error {
	if err := CheckProxyURL(s.Env["ANTHROPIC_BASE_URL"]); err != nil {
		return fmt.Errorf("env.ANTHROPIC_BASE_URL: %w", err)
	}
	known := environment(SettingsParams{})
	for name, value := range s.Env {
		// A credential would be one of these (control I-02).
		if _, ok := known[name]; !ok {
			return fmt.Errorf("env.%s is not ours", strconv.QuoteToASCII(name))
		}
		if strings.ContainsAny(value, "\x00\r\n") {
			return fmt.Errorf("env.%s has more than one line", name)
		}
	}
	for name := range known {
		if s.Env[name] == "" {
			return fmt.Errorf("env.%s is missing", name)
		}
	}
	if err := checkHelper(s.APIKeyHelper); err != nil {
		return fmt.Errorf("apiKeyHelper: %w", err)
	}
	switch {
	case s.Permissions.DefaultMode != "default":
		return errors.New("permissions.defaultMode is not default")
	case s.Permissions.DisableBypass != "disable":
		return errors.New("permissions.disableBypassPermissionsMode is not disable")
	case len(s.Permissions.Allow)+len(s.Permissions.AdditionalDirectories) > 0:
		return errors.New("permissions allow something")
	case s.CleanupPeriodDays < 1:
		return errors.New("cleanupPeriodDays is below 1")
	case !s.DisableAllHooks || s.EnableAllProjectMcpServers:
		return errors.New("hooks or project MCP servers are on")
	}
	for _, tool := range deniedTools {
		if !slices.Contains(s.Permissions.Deny, tool) {
			return fmt.Errorf("permissions.deny lacks %s", tool)
		}
	}
	return nil
}
