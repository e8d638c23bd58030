package doctor

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/openclaw"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// channelChecks ask who may write to the agent.
func channelChecks() []Check {
	return []Check{
		agentCheck("channel-dm-open", High, g12, inConfig(dmOpen), Spoofing, PromptInjection),
		agentCheck("channel-wildcard", High, g12, inConfig(wildcards), Spoofing, PromptInjection),
		agentCheck("teams-tenant", Medium, []string{"gap 11"}, inConfig(tenant), Spoofing, Elevation),
		agentCheck("channel-config-writes", Medium, g12, inConfig(configWrites), Tampering, Elevation),
		{
			ID: "credential-files", Area: AreaOpenClaw, Controls: []string{"gap 10"}, Categories: []Category{Disclosure, CredentialLeak}, Severity: High,
			Fix: "chmod go-rwx {path}", look: credentialFiles,
		},
	}
}

// channelPart is an object in the configuration of a channel: the channel, one of its
// accounts, a group.
type channelPart struct {
	path []string
	// off says that the channel, or the account, is not enabled.
	off    bool
	config map[string]any
	// fixed says that the path leads through no list.
	fixed bool
}

// mostChannelParts bounds how many of them are looked at.
const mostChannelParts = 20_000

// channelParts are all objects of all channels. What is nested deeper inherits being off.
func (c *config) channelParts() []channelPart {
	var out []channelPart
	var walk func(v any, path []string, off, fixed bool)
	walk = func(v any, path []string, off, fixed bool) {
		switch v := v.(type) {
		case map[string]any:
			if len(out) == mostChannelParts {
				return
			}
			off = off || v["enabled"] == false
			out = append(out, channelPart{slices.Clone(path), off, v, fixed})
			for _, k := range slices.Sorted(maps.Keys(v)) {
				walk(v[k], append(path, k), off, fixed)
			}
		case []any:
			for i, e := range v {
				walk(e, append(path, strconv.Itoa(i)), off, false)
			}
		}
	}
	channels := c.object("channels")
	for _, name := range slices.Sorted(maps.Keys(channels)) {
		if name != "modelByChannel" && name != "defaults" {
			walk(channels[name], []string{"channels", name}, false, true)
		}
	}
	return out
}

// inChannels asks of every object of a channel. tell reports a key of it.
func inChannels(h *Host, a *answer, c *config, ask func(p channelPart, tell func(key string, better any, detail string, args ...any))) {
	for _, p := range c.channelParts() {
		a.saw(c.path)
		ask(p, func(key string, better any, detail string, args ...any) {
			path := append(slices.Clone(p.path), strings.Split(key, ".")...)
			f := h.chosen(a.found(c.at(path...), detail, args...), openclaw.PartChannels, path...)
			if p.off {
				f.milder(Info)
			}
			if better != nil && p.fixed {
				f.repairedBy(c.set(better, path...))
			}
		})
	}
}

// dmOpen: anybody who knows the address gives the agent orders.
func dmOpen(h *Host, a *answer, c *config) {
	inChannels(h, a, c, func(p channelPart, tell func(string, any, string, ...any)) {
		for _, key := range []string{"dmPolicy", "dm.policy"} {
			if textAt(p.config, strings.Split(key, ".")...) == "open" {
				tell(key, "pairing", "anybody may write to the agent")
			}
		}
	})
}

// groupsOpen: anybody in any group that the bot is in.
func groupsOpen(h *Host, a *answer, c *config) {
	inChannels(h, a, c, func(p channelPart, tell func(string, any, string, ...any)) {
		if textAt(p.config, "groupPolicy") == "open" {
			tell("groupPolicy", "allowlist", "anybody in a group may write to the agent")
		}
	})
}

// wildcards: a list of who may write that holds everybody. Beside a policy that is open
// it says the same again.
func wildcards(h *Host, a *answer, c *config) {
	inChannels(h, a, c, func(p channelPart, tell func(string, any, string, ...any)) {
		open := textAt(p.config, "dmPolicy") == "open" || textAt(p.config, "dm", "policy") == "open" || textAt(p.config, "policy") == "open"
		for _, key := range []string{"allowFrom", "dm.allowFrom", "groupAllowFrom", "users", "roles"} {
			if open && strings.HasSuffix(key, "allowFrom") {
				continue
			}
			if slices.ContainsFunc(wordsAt(p.config, strings.Split(key, ".")...), func(s string) bool { return strings.TrimSpace(s) == "*" }) {
				tell(key, nil, `it holds everybody ("*")`)
			}
		}
		if p.config["dangerouslyAllowNameMatching"] == true {
			tell("dangerouslyAllowNameMatching", false, "whoever takes a name that is on a list is on the list")
		}
	})
	elevated := c.object("tools.elevated.allowFrom")
	for _, name := range slices.Sorted(maps.Keys(elevated)) {
		list, _ := elevated[name].([]any)
		if slices.Contains(words(list), "*") {
			a.found(c.at("tools", "elevated", "allowFrom", name), `it gives elevated rights to everybody ("*")`)
		}
	}
}

// tenant: an application for every tenant takes a token of any of them.
func tenant(h *Host, a *answer, c *config) {
	inChannels(h, a, c, func(p channelPart, tell func(string, any, string, ...any)) {
		id := strings.ToLower(textAt(p.config, "tenantId"))
		if slices.Contains([]string{"common", "organizations", "consumers"}, id) {
			tell("tenantId", nil, "it is %s: accounts of any organisation are taken", text.Clean(id, 40))
		}
	})
}

// configWrites: a message may change the configuration.
func configWrites(h *Host, a *answer, c *config) {
	inChannels(h, a, c, func(p channelPart, tell func(string, any, string, ...any)) {
		if p.config["configWrites"] == true {
			tell("configWrites", false, "commands of the chat may change the configuration")
		}
	})
}

// routingChecks ask which agent answers whom.
func routingChecks() []Check {
	return []Check{
		agentCheck("routing-catch-all", Medium, []string{"gap 18", "gap 17"}, inConfig(catchAll), Disclosure, CrossAgent),
		agentCheck("hook-token", High, []string{"E-02", "S-01"}, inConfig(hookToken), Spoofing, PromptInjection),
		agentCheck("hook-content", High, []string{"T-04", "E-03"}, inConfig(hookContent), Elevation, IndirectInjection),
	}
}

// catchAll: a binding without anything that it is for takes what was meant for others.
func catchAll(h *Host, a *answer, c *config) {
	list, _ := c.get("bindings").([]any)
	for i, e := range list {
		a.saw(c.path)
		channel, account, peer := textAt(e, "match", "channel"), textAt(e, "match", "accountId"), textAt(e, "match", "peer", "id")
		narrow := peer != "" && peer != "*" || textAt(e, "match", "guildId") != "" || textAt(e, "match", "teamId") != "" || len(wordsAt(e, "match", "roles")) > 0
		if channel == "" || channel == "*" || !narrow && account == "*" || peer == "*" {
			agent := text.Clean(textAt(e, "agentId"), 60)
			h.chosen(a.found(c.at("bindings", strconv.Itoa(i)), "it sends every account or peer to agent %s", agent), "", "bindings")
		}
	}
}

// hookToken: whoever reaches the gateway may give the agent a task.
func hookToken(_ *Host, a *answer, c *config) {
	if c.get("hooks.enabled") != true {
		return
	}
	a.saw(c.path)
	path := []string{"hooks", "token"}
	switch v := c.get("hooks.token").(type) {
	case nil:
		a.found(c.at(path...), "the web hooks are on without a token")
	case string:
		if fromEnvironment(v) || sentinel(v) {
			return // what is wrong with it then is told elsewhere
		}
		if len(v) < shortestHookToken {
			a.found(c.at(path...), "it is shorter than %d characters", shortestHookToken)
		}
	}
}

const shortestHookToken = 24

// hookContent: what a stranger sent reaches the model without the marks around it.
func hookContent(_ *Host, a *answer, c *config) {
	list, _ := c.get("hooks.mappings").([]any)
	for i, e := range list {
		a.saw(c.path)
		if lookAt(e, "allowUnsafeExternalContent") == true {
			a.found(c.at("hooks", "mappings", strconv.Itoa(i), "allowUnsafeExternalContent"), "what others send is given to the model as if the operator wrote it")
		}
	}
	if gmail := c.object("hooks.gmail"); gmail != nil {
		a.saw(c.path)
		if gmail["allowUnsafeExternalContent"] == true {
			path := []string{"hooks", "gmail", "allowUnsafeExternalContent"}
			a.found(c.at(path...), "mail of others is given to the model as if the operator wrote it").repairedBy(Repair{In: c.path, Key: path, Remove: true})
		}
	}
}
