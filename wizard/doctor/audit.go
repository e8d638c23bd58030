package doctor

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/text"
)

// AuditWord names OpenClaw's own audit in a Selection.
const AuditWord = "openclaw-audit"

// Audit is what `openclaw security audit` says.
type Audit struct {
	// Version is OpenClaw's.
	Version string `json:"version"`
	// Outcome is NotChecked when it could not be asked, and Why says so.
	Outcome  Outcome        `json:"outcome"`
	Why      string         `json:"why,omitempty"`
	Findings []AuditFinding `json:"findings"`
}

// AuditFinding is one of OpenClaw's findings.
type AuditFinding struct {
	ID       string   `json:"check_id"`
	Severity Severity `json:"severity"`
	Title    string   `json:"title"`
	Detail   string   `json:"detail"`
	Fix      string   `json:"fix,omitempty"`
	// Same is the check of ours that looks at the same: it counts there and not here.
	Same string `json:"same_as,omitempty"`
	// Waiver is why the operator accepts it; nil when nobody does.
	Waiver *Waiver `json:"waiver,omitempty"`
}

// counts tells whether a finding is one of its own.
func (f AuditFinding) counts() bool { return f.Same == "" && f.Waiver == nil }

func (a *Audit) reaches(least Severity) bool {
	return a != nil && slices.ContainsFunc(a.Findings, func(f AuditFinding) bool { return f.counts() && f.Severity >= least })
}

// Count is how many of the findings are not ours as well, and not waived.
func (a *Audit) Count() int {
	n := 0
	if a != nil {
		for _, f := range a.Findings {
			if f.counts() {
				n++
			}
		}
	}
	return n
}

// auditSeverities are OpenClaw's three.
var auditSeverities = map[string]Severity{"info": Info, "warn": Medium, "critical": Critical}

// mostAudit bounds how many findings are taken.
const mostAudit = 500

// ParseAudit reads what `openclaw security audit --json` prints. OpenClaw ends with 0
// whatever it found: only the text tells.
func ParseAudit(b []byte) ([]AuditFinding, error) {
	var out struct {
		Findings []struct {
			CheckID     string `json:"checkId"`
			Severity    string `json:"severity"`
			Title       string `json:"title"`
			Detail      string `json:"detail"`
			Remediation string `json:"remediation"`
		} `json:"findings"`
	}
	if err := json.Unmarshal(b, &out); err != nil {
		return nil, errors.New("what openclaw security audit prints is no JSON")
	}
	if out.Findings == nil {
		return nil, errors.New("openclaw security audit prints no list of findings")
	}
	if len(out.Findings) > mostAudit {
		return nil, fmt.Errorf("openclaw security audit has more than %d findings", mostAudit)
	}
	list := []AuditFinding{}
	for _, f := range out.Findings {
		severity, ok := auditSeverities[f.Severity]
		if !ok {
			return nil, fmt.Errorf("%q is no severity of openclaw's that is known", text.Clean(f.Severity, 40))
		}
		list = append(list, AuditFinding{
			ID: text.Clean(f.CheckID, 100), Severity: severity, Title: text.Clean(f.Title, longestDetail),
			Detail: text.Clean(oneLine(f.Detail), longestDetail), Fix: text.Clean(oneLine(f.Remediation), longestDetail),
		})
	}
	return list, nil
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// sameChecks are the checks of ours that look at what a finding of OpenClaw's is about,
// by the beginning of its id; "*" stands for one part of it, such as a channel. What a
// scan of code found is not among them: ours ask whether somebody accepted that code.
var sameChecks = map[string][]string{
	"agents.claude_cli.permission_mode":   {"backend-permissions"},
	"browser.extension_relay_legacy_auth": {"hardening-browser"},
	"channels.*.allowFrom.dangerous_name": {"channel-wildcard"},
	"channels.*.dm.open":                  {"channel-dm-open"},
	"channels.*.dm.scope_main":            {"session-scope"},
	"channels.*.groups.open":              {"channel-groups-open"},
	"channels.telegram.allowFrom.invalid": {"channel-wildcard"},
	"channels.telegram.groups.allowFrom":  {"channel-wildcard", "channel-groups-open"},
	"config.insecure_or_dangerous_flags":  {"control-ui", "browser-private-network", "hook-content"},
	"config.plaintext_secrets":            {"plaintext-credentials", "channel-credentials", "environment-credentials", "gateway-token", "sentinel-keys"},
	"config.secrets.gateway_password":     {"gateway-token", "sentinel-keys"},
	"config.secrets.hooks_token":          {"plaintext-credentials", "sentinel-keys"},
	"discovery.mdns_full_mode":            {"discovery-mdns"},
	"fs.auth_profiles.perms":              {"credential-files"},
	"fs.config.perms":                     {"openclaw-config-private"},
	"fs.config_include.perms":             {"openclaw-includes"},
	"fs.credentials_dir.perms":            {"credential-files"},
	"fs.log_file.perms":                   {"openclaw-logs-private"},
	"fs.sessions_store.perms":             {"openclaw-sessions-private"},
	"fs.state_dir.perms":                  {"openclaw-folder-private"},
	"gateway.*_placeholder_value":         {"sentinel-keys"},
	"gateway.*_too_short":                 {"gateway-token"},
	"gateway.auth_no_rate_limit":          {"gateway-rate-limit"},
	"gateway.bind":                        {"gateway-bind", "gateway-auth"},
	"gateway.control_ui":                  {"control-ui"},
	"gateway.http.no_auth":                {"gateway-auth", "gateway-http"},
	"gateway.loopback_no_auth":            {"gateway-auth"},
	"gateway.nodes.allow_commands":        {"gateway-nodes"},
	"gateway.real_ip_fallback":            {"control-ui"},
	"gateway.tailscale":                   {"gateway-tailscale"},
	"gateway.tools_invoke_http":           {"gateway-http"},
	"hooks.token_too_short":               {"hook-token"},
	"logging.redact_off":                  {"log-redaction"},
	"mcp.apps.enabled":                    {"hardening-plugins"},
	"plugins.extensions_no_allowlist":     {"plugins-allow"},
	"sandbox.docker_config_mode_off":      {"sandbox-mode"},
	"security.exposure.open_channels":     {"channel-dm-open", "channel-groups-open"},
	"security.exposure.open_groups":       {"channel-groups-open"},
	"security.trust_model.cross_agent":    {"session-visibility", "agent-to-agent"},
	"security.trust_model.group_scope":    {"session-scope"},
	"skills.workspace.symlink_escape":     {"content-links"},
	"tools.elevated.allowFrom.*.wildcard": {"channel-wildcard"},
	"tools.exec.security_full_configured": {"tools-exec"},
	"tools.profile_minimal_overridden":    {"tools-profile"},
}

// Join puts OpenClaw's findings beside ours: what a check of ours found as well counts
// once. A nil audit is that of an OpenClaw that is not there.
func (r *Report) Join(a *Audit, waivers []Waiver) {
	if a == nil {
		return
	}
	for i := range a.Findings {
		f := &a.Findings[i]
		f.Same = r.sameAs(*f)
		as := Finding{Where: Location{Key: f.ID}, Detail: f.Title, Severity: f.Severity}
		if j := slices.IndexFunc(waivers, func(w Waiver) bool { return w.covers(AuditWord, as, r.Time) }); j >= 0 {
			f.Waiver = &waivers[j]
		}
	}
	r.Audit = a
}

// sameAs is the check of ours that found, or was told to accept, the same. One that is
// only told does not stand for what OpenClaw takes for more.
func (r *Report) sameAs(f AuditFinding) string {
	for _, pattern := range slices.Sorted(maps.Keys(sameChecks)) {
		if !begins(f.ID, pattern) {
			continue
		}
		for _, c := range r.Results {
			told := c.Outcome == Found && (c.Severity() > Info || f.Severity == Info)
			if slices.Contains(sameChecks[pattern], c.Check.ID) && (told || c.Outcome == Waived) {
				return c.Check.ID
			}
		}
	}
	return ""
}

// begins tells whether an id begins with a pattern of sameChecks.
func begins(id, pattern string) bool {
	before, after, some := strings.Cut(pattern, "*")
	rest, ok := strings.CutPrefix(id, before)
	if !ok || !some {
		return ok
	}
	for i := range rest {
		if i > 0 && strings.HasPrefix(rest[i:], after) {
			return true
		}
		if rest[i] == '.' {
			return false
		}
	}
	return false
}
