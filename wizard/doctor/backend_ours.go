package doctor

import (
	"bytes"
	"context"
	"maps"
	"path/filepath"
	"slices"

	"github.com/clawsetup/clawsetup/wizard/openclaw"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// backendOurs: what our backend is started with is compared as a whole, since nobody can
// list all that OpenClaw and Claude Code may be told besides.
func backendOurs(ctx context.Context, h *Host, a *answer) {
	if h.Made == nil || h.Made.NoAgent || h.Made.Contract == openclaw.Builtin {
		return
	}
	aboutConfig(h, a, func(c *config) {
		backends, err := h.backends(ctx, c)
		if err != nil {
			a.cannot(h.pluginDir(c), err) // backend-registered tells
		}
		for _, b := range backends {
			if !b.ours {
				continue
			}
			a.saw(b.file)
			for _, key := range h.changed(a, b) {
				a.found(b.at(c, text.Clean(key, 60)), "it is not what clawsetup writes")
			}
		}
		if h.Made.Contract == openclaw.Plugin {
			h.pluginOurs(a)
		}
	})
}

// ownParams are those of the set-up that our backend depends on.
func (h *Host) ownParams() openclaw.Params {
	m := h.Made
	return openclaw.Params{
		Contract: m.Contract, ClaudePath: h.ownCommand(), ClaudeConfigDir: m.ClaudeDir, ClaudeSettings: m.ClaudeSettings, Transcripts: m.RetentionDays > 0,
	}
}

// changed are the keys in which a backend is not what clawsetup writes. Before 2026.8 that
// depends on whether OpenClaw knows Claude Code's stream, which only its schema tells.
func (h *Host) changed(a *answer, b backend) []string {
	var best []string
	for i, oneAnswer := range []bool{false, true} {
		p := h.ownParams()
		if p.OneAnswer = oneAnswer; oneAnswer && p.Contract != openclaw.Legacy {
			break
		}
		want, err := openclaw.Backend(p)
		if err != nil {
			a.cannot(b.file, err)
			return nil
		}
		if keys := differing(b.config, want); i == 0 || len(keys) < len(best) {
			best = keys
		}
	}
	return best
}

// differing are the keys in which two objects differ, in order.
func differing(has, want map[string]any) []string {
	all := maps.Clone(want)
	maps.Copy(all, has)
	var out []string
	for _, key := range slices.Sorted(maps.Keys(all)) {
		v, there := has[key]
		w, wanted := want[key]
		if there != wanted || !sameValue(v, w) {
			out = append(out, key)
		}
	}
	return out
}

// sameValue compares two decoded values.
func sameValue(v, w any) bool {
	a, err := marshalled(v)
	b, err2 := marshalled(w)
	return err == nil && err2 == nil && bytes.Equal(a, b)
}

// pluginOurs looks at the files that lead OpenClaw to our plugin's program: they may name
// another one.
func (h *Host) pluginOurs(a *answer) {
	want, err := openclaw.PluginManifests()
	if err != nil {
		a.cannot(h.Made.AgentDir, err)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		path := filepath.Join(h.Made.AgentDir, openclaw.BackendID, name)
		r := h.read(path)
		switch {
		case r.err != nil:
			a.cannot(path, r.err)
		case !r.exists, !bytes.Equal(r.data, want[name]):
			a.found(Location{Path: path}, "it is not what clawsetup writes: OpenClaw may be led to another program").Fix = fixRepair
		default:
			a.saw(path)
		}
	}
}
