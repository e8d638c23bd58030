package wizard

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/clawsetup/clawsetup/wizard/cloudru"
	"github.com/clawsetup/clawsetup/wizard/safedial"
)

// DefaultPort is where Claude Code expects the proxy.
const DefaultPort = 8082

// What stands for a choice outside the catalogue's presets.
const (
	presetKeep    = "keep"
	presetCustom  = "custom"
	presetDefault = "balanced"
)

// question is one line of init's table: when it is asked, what it offers and
// what an answer does to the draft.
type question struct {
	id     string
	step   Step
	kind   Kind
	flags  []string
	expert bool // answered by its flag or its default, never asked
	// form refuses what can be told to be wrong without the network and without running a
	// program; nil where nothing can.
	form   func(s *InitSession, value string) error
	skip   func(*InitSession) bool
	build  func(context.Context, *InitSession, *Question) error
	accept func(context.Context, *InitSession, Answer) error
}

// blame names the flag whose value was refused. The key's errors speak for
// themselves, and what the network does is no fault of a flag.
func (d question) blame(err error) error {
	var api *cloudru.Error
	if d.kind == SecretText || errors.As(err, &api) && !errors.Is(err, safedial.ErrForbiddenAddress) {
		return err
	}
	return fmt.Errorf("%s: %w", d.flags[0], err)
}

func never(*InitSession) bool { return false }

// initQuestions are in the order in which they are asked.
var initQuestions = []question{
	{id: "section", step: StepCheck, kind: Choice, flags: []string{"--section"}, form: formSection, skip: func(s *InitSession) bool { return s.current == nil }, build: buildSection, accept: acceptSection},
	{id: "api-base", step: StepKey, flags: []string{"--api-base"}, expert: true, form: formAPIBase, skip: never, build: buildAPIBase, accept: acceptAPIBase},
	{id: "dir", step: StepAgent, flags: []string{"--dir"}, expert: true, form: formDir, skip: never, build: buildDir, accept: acceptDir},
	{id: "key", step: StepKey, kind: SecretText, flags: []string{"--key-stdin", "--key-file"}, skip: (*InitSession).keyMayMiss, build: buildKey, accept: acceptKey},
	{id: "preset", step: StepModels, kind: Choice, flags: []string{"--preset"}, form: formPreset, skip: (*InitSession).modelsGiven, build: buildPreset, accept: acceptPreset},
	{id: "big-model", step: StepModels, kind: Choice, flags: []string{"--big-model"}, skip: (*InitSession).presetChosen, build: buildModel, accept: acceptModel(func(m *ModelsSetup) *ModelSetup { return &m.Big }, false)},
	{id: "middle-model", step: StepModels, kind: Choice, flags: []string{"--middle-model"}, skip: (*InitSession).presetChosen, build: buildModel, accept: acceptModel(func(m *ModelsSetup) *ModelSetup { return &m.Middle }, false)},
	{id: "small-model", step: StepModels, kind: Choice, flags: []string{"--small-model"}, skip: (*InitSession).presetChosen, build: buildModel, accept: acceptModel(func(m *ModelsSetup) *ModelSetup { return &m.Small }, true)},
	{id: "store", step: StepSecrets, kind: Choice, flags: []string{"--store"}, form: formStore, skip: never, build: buildStore, accept: acceptStore},
	{id: "image", step: StepImage, flags: []string{"--image"}, form: formImage, skip: never, build: buildImage, accept: acceptImage},
	{id: "trust", step: StepImage, kind: Choice, flags: []string{"--trust-first-use", "--image-digest", "--cosign-key"}, skip: func(s *InitSession) bool { return s.trusted }, build: buildTrust, accept: acceptTrust},
	{id: "cosign-key", step: StepImage, flags: []string{"--cosign-key"}, form: formCosignKey, skip: func(s *InitSession) bool { return s.trusted }, build: buildCosignKey, accept: acceptCosignKey},
	{id: "egress", step: StepAgent, kind: Choice, flags: []string{"--egress"}, expert: true, form: oneOf(EgressNames), skip: never, build: buildEgress, accept: acceptEgress},
	{id: "port", step: StepAgent, flags: []string{"--port"}, form: formPort, skip: never, build: buildPort, accept: acceptPort},
	{id: "openclaw-mode", step: StepAgent, kind: Choice, flags: []string{"--openclaw-mode"}, form: oneOf(OpenClawModes), skip: never, build: buildOpenClawMode, accept: acceptOpenClawMode},
	{id: "openclaw-config", step: StepAgent, flags: []string{"--openclaw-config"}, form: formOpenClawConfig, skip: (*InitSession).withoutOpenClaw, build: buildOpenClawConfig, accept: acceptOpenClawConfig},
	{id: "hardening", step: StepAgent, flags: []string{"--hardening"}, form: formHardening, skip: (*InitSession).withoutOpenClaw, build: buildHardening, accept: acceptHardening},
	{id: "claude", step: StepAgent, flags: []string{"--claude"}, form: formClaude, skip: (*InitSession).withoutOpenClaw, build: buildClaude, accept: acceptClaude},
	{id: "retention-days", step: StepAgent, flags: []string{"--retention-days"}, expert: true, form: formRetention, skip: (*InitSession).withoutOpenClaw, build: buildRetention, accept: acceptRetention},
	{id: "managed-settings", step: StepAgent, kind: Choice, flags: []string{"--managed-settings"}, form: oneOf(ManagedNames), skip: (*InitSession).withoutOpenClaw, build: buildManaged, accept: acceptManaged},
	{id: "conflicts", step: StepAgent, kind: Choice, flags: []string{"--conflicts"}, form: oneOf(ConflictNames), skip: never, build: buildConflicts, accept: acceptConflicts},
}

func lookUp(id string) *question {
	for i := range initQuestions {
		if initQuestions[i].id == id {
			return &initQuestions[i]
		}
	}
	return nil
}

func buildAPIBase(_ context.Context, s *InitSession, q *Question) error {
	q.Default = orElse(s.draft.API.Base, cloudru.DefaultBase)
	return nil
}

func acceptAPIBase(_ context.Context, s *InitSession, a Answer) error {
	u, err := safedial.Policy{AllowPrivate: s.draft.API.AllowPrivate}.CheckURL(a.Value)
	if err != nil {
		return err
	}
	s.draft.API.Base = u.String()
	return nil
}

func buildDir(_ context.Context, s *InitSession, q *Question) error {
	q.Default = s.draft.StackDir(s.w.Paths)
	return nil
}

func acceptDir(_ context.Context, s *InitSession, a Answer) error {
	dir, err := s.w.absolute(a.Value)
	if err != nil {
		return err
	}
	if err := s.w.Disk.CheckTarget(filepath.Join(dir, composeName)); err != nil {
		return err
	}
	s.draft.Dir = dir
	if dir == s.w.Paths.Config {
		s.draft.Dir = ""
	}
	return nil
}

// absolute makes a path that the operator typed absolute; "~" is the home folder.
func (w *Wizard) absolute(path string) (string, error) {
	if path == "~" || (len(path) > 1 && path[0] == '~' && os.IsPathSeparator(path[1])) {
		path = filepath.Join(w.Paths.Home, path[1:])
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("finding %s: %w", path, err)
	}
	return abs, nil
}

func orElse(s, other string) string {
	if s != "" {
		return s
	}
	return other
}
