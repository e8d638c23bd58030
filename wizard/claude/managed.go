package claude

import (
	"encoding/json"
	"fmt"
	"runtime"
)

// ManagedPath is where Claude Code looks for settings of the host's administrator, in a
// file of our own beside others; empty where that is not known. Measured on 2.1.197 and
// 2.1.330; see https://code.claude.com/docs/en/settings.
func ManagedPath() string {
	switch runtime.GOOS {
	case "linux":
		return "/etc/claude-code/managed-settings.d/50-clawsetup.json"
	case "darwin":
		return "/Library/Application Support/ClaudeCode/managed-settings.d/50-clawsetup.json"
	}
	return ""
}

// managed is the file, in the order it is written.
type managed struct {
	DisableAllHooks bool `json:"disableAllHooks"`
	HooksOnly       bool `json:"allowManagedHooksOnly"`
	RulesOnly       bool `json:"allowManagedPermissionRulesOnly"`
	ServersOnly     bool `json:"allowManagedMcpServersOnly"`
	// Servers is an empty list: no MCP server at all.
	Servers     []string           `json:"allowedMcpServers"`
	Permissions managedPermissions `json:"permissions"`
}

type managedPermissions struct {
	DisableBypass string   `json:"disableBypassPermissionsMode"`
	Deny          []string `json:"deny"`
}

// ManagedSettings takes tools, hooks and MCP servers from every Claude Code of the
// host (control E-02): no settings, argument or project of a user gives them back. It
// names no address and no helper: the Claude Code of another user would show its own
// key to our proxy.
func ManagedSettings() ([]byte, error) {
	b, err := json.MarshalIndent(managed{
		DisableAllHooks: true, HooksOnly: true, RulesOnly: true, ServersOnly: true, Servers: []string{},
		Permissions: managedPermissions{DisableBypass: "disable", Deny: deniedTools},
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("managed settings: %w", err)
	}
	return append(b, '\n'), nil
}
