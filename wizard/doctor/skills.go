package doctor

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/text"
)

// fixAccept records what is there as looked at.
const fixAccept = "clawsetup doctor --accept"

// skillChecks ask where skills and plugins come from, and whether somebody looked at them.
func skillChecks() []Check {
	skill := func(id string, severity Severity, fix string, controls []string, look func(context.Context, *Host, *answer), categories ...Category) Check {
		return Check{ID: id, Area: AreaSkills, Controls: controls, Categories: categories, Severity: severity, Fix: fix, look: look}
	}
	return slices.Concat([]Check{
		skill("skill-hashes", High, fixAccept, []string{"gap 8", "gap 24"}, hashes(kindSkill), Tampering, SupplyChain, PromptInjection),
		skill("plugin-hashes", High, fixAccept, []string{"gap 5", "gap 24"}, hashes(kindPlugin), Tampering, SupplyChain),
		skill("skill-shell", High, fixAccept, []string{"gap 8"}, skillShell, Elevation, UnsafeShell),
		skill("skill-injection", High, "${EDITOR:-vi} {path}", []string{"gap 23", "T-04"}, skillInjection, Tampering, PromptInjection, IndirectInjection),
		skill("plugin-scripts", Medium, fixAccept, []string{"gap 5", "gap 24"}, pluginScripts, Elevation, SupplyChain, UnsafeShell),
		skill("content-writable", High, "chmod -R go-w {path}", []string{"gap 6", "gap 8"}, contentWritable, Tampering, SupplyChain),
		skill("content-links", Medium, "rm {path}", []string{"gap 6"}, contentLinks, Disclosure, Exfiltration),
		skill("plugins-allow", Medium, "${EDITOR:-vi} {path}", []string{"gap 5"}, pluginsAllow, Elevation, SupplyChain),
		skill("plugin-places", Medium, "${EDITOR:-vi} {path}", []string{"gap 5", "gap 6"}, pluginPlaces, Tampering, SupplyChain),
		skill("accepted-file", High, fixAccept, []string{"gap 24", "T-02"}, acceptedFile, Tampering, UnvalidatedInput),
	}, hardenedChecks(AreaSkills))
}

// eachContent asks of every skill and plugin of a kind, or of both.
func eachContent(ctx context.Context, h *Host, a *answer, kind string, ask func(Entry, Lock)) {
	inv := h.inventory(ctx)
	for _, g := range inv.gaps {
		a.cannot(g.Where, errors.New(g.Why))
	}
	lock, err := h.accepted()
	if err != nil {
		lock = Lock{} // accepted-file tells; nothing counts as looked at
	}
	for _, e := range inv.entries {
		if kind == "" || e.Kind == kind {
			a.saw(e.Path)
			ask(e, lock)
		}
	}
}

// known tells whether the operator looked at just this content.
func (l Lock) known(e Entry) bool {
	old, ok := l.find(e.Path)
	return ok && old.Hash == e.Hash
}

// hashes: what nobody looked at, and what was changed since.
func hashes(kind string) func(context.Context, *Host, *answer) {
	return func(ctx context.Context, h *Host, a *answer) {
		eachContent(ctx, h, a, kind, func(e Entry, l Lock) {
			switch _, ok := l.find(e.Path); {
			case l.known(e):
			case ok:
				a.found(Location{Path: e.Path}, "the %s %s was changed since it was accepted", kind, e.Name)
			default:
				a.found(Location{Path: e.Path}, "nobody accepted the %s %s", kind, e.Name).milder(Medium)
			}
		})
	}
}

// skillShell: an accepted one may run what it ran when it was looked at.
func skillShell(ctx context.Context, h *Host, a *answer) {
	eachContent(ctx, h, a, kindSkill, func(e Entry, l Lock) {
		if len(e.shell) > 0 && !l.known(e) {
			a.found(Location{Path: e.Path}, "it runs commands (%s), and nobody accepted it", text.Clean(strings.Join(e.shell[:min(len(e.shell), 3)], ", "), 150))
		}
	})
}

// skillInjection: accepting a text does not make it harmless to the model.
func skillInjection(ctx context.Context, h *Host, a *answer) {
	eachContent(ctx, h, a, "", func(e Entry, _ Lock) {
		for _, rel := range e.injections {
			a.found(Location{Path: e.Path, Key: text.Clean(rel, 150)}, "its text speaks to the model against the operator, or hides characters")
		}
	})
}

func pluginScripts(ctx context.Context, h *Host, a *answer) {
	eachContent(ctx, h, a, kindPlugin, func(e Entry, l Lock) {
		if len(e.scripts) > 0 && !l.known(e) {
			a.found(Location{Path: e.Path}, "installing it runs a script, and nobody accepted it")
		}
	})
}

// contentWritable: whoever may write to it decides what the agent reads and runs.
func contentWritable(ctx context.Context, h *Host, a *answer) {
	eachContent(ctx, h, a, "", func(Entry, Lock) {})
	for _, path := range h.inventory(ctx).loose {
		a.found(Location{Path: path}, "other users may write to it")
	}
}

// contentLinks: a link brings a file of the host into what the model is given.
func contentLinks(ctx context.Context, h *Host, a *answer) {
	eachContent(ctx, h, a, "", func(Entry, Lock) {})
	for _, path := range h.inventory(ctx).links {
		a.found(Location{Path: path}, "it is a link that leads out of the skill or plugin, or nowhere")
	}
}

// acceptedFile: a lock file that cannot be read accepts nothing.
func acceptedFile(_ context.Context, h *Host, a *answer) {
	if h.Made == nil || !h.read(h.Made.LockFile).exists {
		return
	}
	a.saw(h.Made.LockFile)
	if _, err := h.accepted(); err != nil {
		a.found(Location{Path: h.Made.LockFile}, "%s", reason(err))
	}
}

// pluginsAllow: without a list OpenClaw loads whatever lies in its folders. A new list
// turns off every plugin that is not in it, so it is for the operator to write.
func pluginsAllow(ctx context.Context, h *Host, a *answer) {
	aboutConfig(h, a, func(c *config) {
		a.saw(c.path)
		if len(c.texts("plugins.allow")) > 0 {
			return
		}
		where := c.at("plugins", "allow")
		inv := h.inventory(ctx)
		for _, g := range inv.gaps {
			a.cannot(g.Where, errors.New(g.Why))
		}
		if slices.ContainsFunc(inv.entries, func(e Entry) bool { return e.Kind == kindPlugin && !e.engine }) {
			a.found(where, "there is no list of plugins that may load, and there are some that are not clawsetup's")
			return
		}
		a.found(where, "there is no list of plugins that may load; there are none but clawsetup's").milder(Info)
	})
}

// pluginPlaces: code and prompts from folders that OpenClaw's own rights do not guard.
func pluginPlaces(_ context.Context, h *Host, a *answer) {
	aboutConfig(h, a, func(c *config) {
		known := append([]string{h.openClawDir()}, h.workspaces(c)...)
		for _, key := range []string{"plugins.load.paths", "skills.load.extraDirs"} {
			for _, name := range c.texts(key) {
				a.saw(c.path)
				path, where := h.expand(name, h.openClawDir()), c.at(strings.Split(key, ".")...)
				if !slices.ContainsFunc(known, func(dir string) bool { return inside(resolvedPath(path), dir) }) {
					a.found(where, "%s is outside of OpenClaw's folders", text.Clean(path, 150))
				} else if why, err := h.othersReach(path); err != nil {
					a.cannot(path, err)
				} else if why != "" {
					a.found(where, "%s", why)
				}
			}
		}
	})
}
