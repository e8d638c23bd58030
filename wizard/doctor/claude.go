package doctor

import "slices"

// fixEdit is for a file that is the operator's: only they know what else it is to say.
const fixEdit = `"${EDITOR:-vi}" {path}`

// claudeChecks ask what Claude Code is told by every level of its settings, which program
// it is and what runs of it.
func claudeChecks() []Check {
	return slices.Concat(claudeSettingsChecks(), claudeProgramChecks(), claudeProcessChecks())
}

func claudeSettingsChecks() []Check {
	s02 := []string{"S-02"}
	e02 := []string{"E-02"}
	tools := []Category{Elevation, ExcessPermission}
	return []Check{
		{ID: "claude-settings-valid", Area: AreaClaude, Controls: e02, Categories: []Category{Denial, Tampering, UnvalidatedInput}, Severity: High, Fix: "jq empty {path}", look: settingsValid},
		{ID: "claude-settings-ours", Area: AreaClaude, Controls: []string{"E-02", "T-02", "I-02"}, Categories: []Category{Tampering, Elevation, ExcessPermission}, Severity: Critical, Fix: fixRepair, look: settingsOurs},
		{ID: "claude-base-url", Area: AreaClaude, Controls: s02, Categories: []Category{Spoofing, Exfiltration, CredentialLeak}, Severity: Critical, Fix: fixEdit, look: baseURL},
		{ID: "claude-key-helper", Area: AreaClaude, Controls: []string{"S-02", "E-04"}, Categories: []Category{Elevation, UnsafeShell, CredentialLeak}, Severity: High, Fix: fixEdit, look: keyHelper},
		{ID: "claude-hooks", Area: AreaClaude, Controls: e02, Categories: []Category{Elevation, UnsafeShell, IndirectInjection}, Severity: High, Fix: fixEdit, look: hooks},
		{ID: "claude-permission-bypass", Area: AreaClaude, Controls: e02, Categories: []Category{Elevation, ExcessPermission, PromptInjection}, Severity: Critical, Fix: fixEdit, look: permissionBypass},
		{ID: "claude-sandbox", Area: AreaClaude, Controls: []string{"E-02", "gap 21"}, Categories: tools, Severity: Medium, Fix: fixEdit, look: sandbox},
		{ID: "claude-allow-rules", Area: AreaClaude, Controls: e02, Categories: []Category{Elevation, ExcessPermission, UnsafeShell}, Severity: High, Fix: fixEdit, look: allowRules},
		{ID: "claude-project-mcp", Area: AreaClaude, Controls: []string{"E-02", "gap 15"}, Categories: []Category{Elevation, IndirectInjection, SupplyChain}, Severity: High, Fix: fixEdit, look: projectMCP},
		{ID: "claude-plugins", Area: AreaClaude, Controls: []string{"gap 5", "E-02"}, Categories: []Category{Elevation, SupplyChain, IndirectInjection}, Severity: High, Fix: fixEdit, look: plugins},
		{ID: "claude-directories", Area: AreaClaude, Controls: e02, Categories: []Category{Disclosure, Exfiltration, ExcessPermission}, Severity: Medium, Fix: fixEdit, look: directories},
		{ID: "claude-environment", Area: AreaClaude, Controls: []string{"S-02", "S-04"}, Categories: []Category{Spoofing, Exfiltration, CredentialLeak}, Severity: High, Fix: fixEdit, look: weakEnvironment},
		{ID: "claude-telemetry", Area: AreaClaude, Controls: []string{"I-03"}, Categories: []Category{Disclosure, Exfiltration}, Severity: Medium, Fix: fixEdit, look: telemetry},
		{ID: "claude-settings-private", Area: AreaClaude, Controls: []string{"T-02", "E-02"}, Categories: []Category{Tampering, Elevation, Disclosure}, Severity: High, Fix: "chmod go-rwx {path}", look: settingsPrivate},
		{ID: "claude-managed", Area: AreaClaude, Controls: e02, Categories: tools, Severity: High, Fix: fixHardening, look: managedSettings},
	}
}
