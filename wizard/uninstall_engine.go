package wizard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/templates"
	"github.com/clawsetup/clawsetup/wizard/engine"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// askedEngine is one engine that an uninstall asks, or would have asked.
type askedEngine struct {
	at engine.Endpoint
	// holds says that something of ours was put there, or may have been.
	holds bool
	// owned is what it holds; err is why it could not be asked.
	owned engine.Owned
	err   error
	// stayed are images that somebody else's container needs.
	stayed []string
}

// leftEngine is an engine that could not be asked and that may hold something of ours.
type leftEngine struct {
	// Host is its address, without a password; empty when it is not known.
	Host string `json:"host"`
	// Images are pinned references that may be there.
	Images []string `json:"images,omitempty"`
}

// left is the engine with what may be in it.
func (a *askedEngine) left(images []string) leftEngine { return leftEngine{a.at.Bare(), images} }

// where is the engine as people are told of it: one without an address is whatever the
// docker command line finds.
func (l leftEngine) where() string {
	if l.Host == "" {
		return "docker"
	}
	return engine.At(l.Host).Address()
}

// docker is the beginning of a command line that speaks to the engine.
func (l leftEngine) docker() string {
	if l.Host == "" {
		return "docker"
	}
	host := l.Host
	if strings.ContainsAny(host, " '\"$`\\&;()<>|") {
		host = "'" + strings.ReplaceAll(host, "'", `'\''`) + "'"
	}
	return "docker --host " + host
}

// engines are all that may hold something of ours, each once: those that up used, those of
// setup.yaml, and the present one, which is the last.
func (s *UninstallSession) engines() []*askedEngine {
	var out []*askedEngine
	add := func(at engine.Endpoint, holds bool) *askedEngine {
		i := slices.IndexFunc(out, func(a *askedEngine) bool { return a.at.Same(at) })
		if i < 0 {
			out = append(out, &askedEngine{at: at, holds: holds})
			return out[len(out)-1]
		}
		if len(at.Recorded()) > len(out[i].at.Recorded()) {
			out[i].at = at // it knows the files for TLS as well
		}
		out[i].holds = out[i].holds || holds
		return out[i]
	}
	// The last time that one was used tells best how.
	for _, at := range slices.Backward(s.known.used.recorded) {
		add(at, true)
	}
	for _, at := range s.known.used.logins {
		add(at, true)
	}
	if s.setup != nil {
		if host := s.setup.Login.DockerHost; host != "" {
			add(engine.At(host), true)
		}
		if host := s.setup.Watch.DockerHost; host != "" {
			add(engine.At(host), s.known.used.unsaid)
		}
	}
	at, err := engine.FindEndpoint(s.w.Getenv)
	if err != nil {
		out = append(out, &askedEngine{holds: s.known.used.unsaid, err: err})
		return out
	}
	add(at, s.known.used.unsaid)
	return out
}

// look asks one engine what it holds of this installation.
func (s *UninstallSession) look(ctx context.Context, a *askedEngine) {
	if a.err != nil {
		return // it is not known where it is
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	e, err := s.w.EngineAt(ctx, a.at)
	if err != nil {
		a.err = err
		return
	}
	defer func() { _ = e.Close() }()
	a.owned, a.err = e.Owned(ctx, s.projects(), s.known.images)
}

func (s *UninstallSession) projects() []string {
	return []string{s.w.project(), s.w.project() + trialSuffix}
}

// planEngines lists what the engines hold of this installation.
func (s *UninstallSession) planEngines(ctx context.Context, plan *Plan) {
	s.asked = s.engines()
	for _, a := range s.asked {
		s.look(ctx, a)
	}
	for _, a := range s.asked {
		if a.err == nil {
			s.planEngine(plan, a)
		} else if !a.holds {
			plan.Notes = append(plan.Notes, Note{ID: "uninstall-engine-unchecked", State: NotChecked, Args: []any{reason(a.err), s.w.project()}})
			if len(s.known.images) > 0 {
				plan.Notes = append(plan.Notes, Note{ID: "uninstall-images-unchecked", State: NotChecked, Args: []any{s.known.images}})
			}
		}
	}
}

// planEngine lists what one engine holds.
func (s *UninstallSession) planEngine(plan *Plan, a *askedEngine) {
	before := len(plan.Removals)
	for _, c := range a.owned.Containers {
		plan.Removals = append(plan.Removals, Removal{removeContainer, s.called(a, strings.TrimPrefix(c.Name, "/"))})
	}
	for _, of := range []struct {
		kind  string
		names []string
	}{{removeNetwork, a.owned.Networks}, {removeVolume, a.owned.Volumes}, {removeImage, a.owned.Images}} {
		for _, name := range of.names {
			plan.Removals = append(plan.Removals, Removal{of.kind, s.called(a, name)})
		}
	}
	if len(plan.Removals) > before {
		plan.Consents = append(plan.Consents, Note{ID: "uninstall-engine", State: Attention, Args: []any{len(a.owned.Containers), len(a.owned.Images), a.at.Address()}})
	}
	if len(a.owned.Shared) > 0 {
		plan.Consents = append(plan.Consents, Note{ID: "uninstall-images-shared", State: Attention, Args: []any{a.owned.Shared}})
	}
	if len(a.owned.Kept) > 0 {
		plan.Notes = append(plan.Notes, Note{ID: "uninstall-images-kept", State: Attention, Args: []any{a.owned.Kept, a.owned.Others}})
	}
}

// called is the name of something in an engine, with the engine's own where there are
// several.
func (s *UninstallSession) called(a *askedEngine, name string) string {
	name = text.Clean(name, 200)
	if slices.ContainsFunc(s.asked, func(other *askedEngine) bool { return other != a && other.err == nil }) {
		name += " (" + a.at.Address() + ")"
	}
	return name
}

// unasked are the engines that may hold something of ours and could not be asked.
func (s *UninstallSession) unasked() []leftEngine {
	if s.remains != nil {
		return s.remains.Engines
	}
	var out []leftEngine
	for _, a := range s.asked {
		if a.err != nil && a.holds {
			out = append(out, a.left(s.known.images))
		}
	}
	return out
}

// planUnasked says what stays in an engine that could not be asked: a risk that the
// operator takes, unless nothing is done at all.
func (s *UninstallSession) planUnasked(plan *Plan) {
	id, nothing := "uninstall-engine-unasked", plan.Empty()
	if s.opts.KeepJournal {
		id = "uninstall-engine-later"
	}
	for _, a := range s.asked {
		if a.err == nil || !a.holds {
			continue
		}
		l := a.left(s.known.images)
		note := Note{ID: id, State: Attention, Args: []any{l.where(), reason(a.err), s.w.project(), l.docker(), strings.Join(l.Images, " ")}}
		if nothing {
			plan.Notes = append(plan.Notes, note)
		} else {
			plan.Consents = append(plan.Consents, note)
		}
	}
}

// nextLeft are the commands that remove by hand what stays in engines that could not be
// asked: found by the labels that compose and we gave it. With a kept journal the next
// uninstall does it.
func (s *UninstallSession) nextLeft() [][]string {
	left := s.unasked()
	if len(left) > 0 && s.opts.KeepJournal {
		return [][]string{{filepath.Base(s.w.Executable), "uninstall"}}
	}
	var out [][]string
	for _, l := range left {
		docker := func(args ...string) []string {
			if l.Host != "" {
				args = slices.Concat([]string{"--host", l.Host}, args)
			}
			return append([]string{"docker"}, args...)
		}
		// An up that ended halfway left its trial: another project of ours.
		var list []string
		var networks [][]string
		for _, p := range s.projects() {
			project := "label=" + engine.LabelProject + "=" + p
			list = append(list, l.docker()+" ps --all --quiet --filter "+project)
			networks = append(networks, docker("network", "prune", "--force", "--filter", project))
		}
		out = append(out, []string{"sh", "-c", l.docker() + " rm --force $(" + strings.Join(list, "; ") + ")"})
		out = append(out, networks...)
		out = append(out, docker("image", "prune", "--all", "--force", "--filter", "label="+templates.LabelInstallation+"="+s.w.project()))
		for _, ref := range l.Images {
			out = append(out, docker("rmi", ref))
		}
	}
	return out
}

// noteLeft says what stays, when the rest is done.
func (s *UninstallSession) noteLeft() []Note {
	var out []Note
	for _, l := range s.unasked() {
		id := "uninstall-engine-left"
		if s.opts.KeepJournal {
			id = "uninstall-engine-waits"
		}
		out = append(out, Note{ID: id, State: Failed, Args: []any{l.where()}})
	}
	return out
}

// Unasked are the addresses of engines that may still hold something of ours, since they
// could not be asked: the uninstall is not complete. It is known after Plan.
func (s *UninstallSession) Unasked() []string {
	var out []string
	for _, l := range s.unasked() {
		out = append(out, l.where())
	}
	return out
}

// emptyEngines removes what the engines hold of this installation, but for images that
// somebody else needs.
func (s *UninstallSession) emptyEngines(ctx context.Context, report func(Progress)) ([]Note, error) {
	var notes []Note
	for _, a := range s.asked {
		if a.err != nil {
			continue
		}
		if err := s.emptyEngine(ctx, a, report); err != nil {
			return nil, err
		}
		for _, name := range a.stayed {
			notes = append(notes, Note{ID: "uninstall-image-in-use", State: Attention, Args: []any{name}})
		}
		s.stayed = append(s.stayed, a.stayed...)
	}
	return notes, nil
}

// emptyEngine removes what one engine holds.
func (s *UninstallSession) emptyEngine(ctx context.Context, a *askedEngine, report func(Progress)) error {
	ctx, cancel := context.WithTimeout(ctx, removeTime)
	defer cancel()
	e, err := s.w.EngineAt(ctx, a.at)
	if err != nil {
		return err
	}
	defer func() { _ = e.Close() }()
	owned, err := e.Owned(ctx, s.projects(), s.known.images)
	if err != nil {
		return err
	}
	remove := func(kind, name string, do func() error) {
		if err != nil {
			return
		}
		args := []any{s.called(a, name)}
		report(Progress{ID: "remove-" + kind, Args: args})
		switch err = do(); {
		case err == nil:
			report(Progress{ID: "remove-" + kind, Args: args, State: Durable})
		case errors.Is(err, engine.ErrInUse):
			a.stayed, err = append(a.stayed, s.called(a, name)), nil
			report(Progress{ID: "remove-" + kind, Args: args, State: Undone})
		}
	}
	for _, c := range owned.Containers {
		remove(removeContainer, strings.TrimPrefix(c.Name, "/"), func() error { return e.Remove(ctx, c.ID) })
	}
	for _, n := range owned.Networks {
		remove(removeNetwork, n, func() error { return e.RemoveNetwork(ctx, n) })
	}
	for _, v := range owned.Volumes {
		remove(removeVolume, v, func() error { return e.RemoveVolume(ctx, v) })
	}
	for _, i := range owned.Images {
		remove(removeImage, i, func() error { return e.RemoveImage(ctx, i) })
	}
	return err
}

// engineDetail is what a kept journal gets to know: which engines are empty now, and
// which the next uninstall has still to ask.
func (s *UninstallSession) engineDetail(detail map[string]string) error {
	emptied, left := []string{}, []string{}
	for _, a := range s.asked {
		switch {
		case a.err == nil && len(a.stayed) == 0:
			emptied = append(emptied, a.at.Bare())
		case a.err == nil, a.holds:
			left = append(left, a.at.Bare())
		}
	}
	for name, hosts := range map[string][]string{detailEmptied: emptied, detailLeft: left} {
		b, err := json.Marshal(hosts)
		if err != nil {
			return fmt.Errorf("encoding which engines were emptied: %w", err)
		}
		detail[name] = string(b)
	}
	detail["engine"] = "not checked"
	if len(left) == 0 && len(emptied) > 0 {
		detail["engine"] = "emptied"
	}
	return nil
}
