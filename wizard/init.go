package wizard

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/claude"
	"github.com/clawsetup/clawsetup/wizard/cloudru"
	"github.com/clawsetup/clawsetup/wizard/engine"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/image"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// Given are the answers that the operator gave by flags or in a set-up file.
type Given struct {
	// Values are answers by question id. An empty value is no answer.
	Values map[string]string
	// Key is the API key from --key-stdin or --key-file.
	Key secrets.Secret
	// KeyLabel names the key for people.
	KeyLabel string
	// Base is the set-up of --config: it takes the place of the present one as
	// the source of defaults.
	Base *Setup
	// AllowPrivate is the consent --allow-private-api.
	AllowPrivate bool
	// TrustFirstUse is the consent --trust-first-use.
	TrustFirstUse bool
	// NewJournal begins a journal anew although an earlier one is missing; the new
	// one names what was lost.
	NewJournal bool
	// CanAsk: somebody is there to answer, so that an answer given here and refused later is
	// asked for again instead of ending the run.
	CanAsk bool
	// Wrong are answers that whoever made this could not read.
	Wrong []WrongGiven
	// DryRun: nothing is written, not even a probe of the keyring, and the key may
	// be missing.
	DryRun bool
}

// InitSession is the wizard of `clawsetup init`.
type InitSession struct {
	w     *Wizard
	given Given
	// current is the Setup on this host, nil at a first installation.
	current *Setup
	basis   files.File // setup.yaml, as the session found it
	// draft is the Setup as answered so far.
	draft Setup

	// base is the draft before the first answer: what "keep" keeps.
	base Setup
	// section is what is to be changed; empty is everything.
	section string
	// choosing is true while the models are chosen one by one.
	choosing bool

	trail []answered
	// fallen are the questions whose answer by flag was refused: they are asked.
	fallen map[string]bool

	key       secrets.Secret // new, or the stored one
	stored    bool           // key is the stored one
	proved    map[string]cloudru.Proof
	catalogue []cloudru.Model
	image     image.Image
	named     string // the image as the operator last named it
	verdict   image.Verdict
	trusted   bool // verdict holds
	install   *remembered[openclaw.Install]
	schema    *remembered[*openclaw.Schema]
	agent     *agentDraft
	conflicts []conflict
	notes     map[string][]Note // by question id
}

type answered struct {
	id    string
	asked bool
}

// NewInit starts init. It first finishes or undoes a transaction that an earlier
// run left behind, unless this is a dry run. Before that it looks at every answer in
// given: a *GivenError names all that are wrong.
func (w *Wizard) NewInit(ctx context.Context, given Given) (*InitSession, error) {
	if wrong := append(slices.Clone(given.Wrong), w.CheckGiven(given)...); len(wrong) > 0 {
		return nil, &GivenError{Wrong: wrong}
	}
	s := &InitSession{w: w, given: given, proved: map[string]cloudru.Proof{}, notes: map[string][]Note{}, fallen: map[string]bool{},
		install: newRemembered[openclaw.Install](), schema: newRemembered[*openclaw.Schema]()}
	w.named(given)
	if err := s.recover(ctx); err != nil {
		return nil, err
	}
	s.draft = s.startingPoint()
	s.base = s.draft
	return s, nil
}

// named remembers what the operator says of where things are: before it is asked for, a
// recovery may need his word. A file of --config, which may be another host's, is not that.
func (w *Wizard) named(given Given) {
	// A path that cannot be one is for its question to refuse.
	if dir := given.Values["dir"]; dir != "" {
		w.keysDir, _ = w.absolute(dir)
	}
	if path := given.Values["openclaw-config"]; path != "" {
		w.namedConfig, _ = w.absolute(path)
	}
}

// startingPoint is where the defaults come from: the operator's file, the present
// set-up, or nothing.
func (s *InitSession) startingPoint() Setup {
	base := Setup{Version: SetupVersion, WrittenBy: s.w.Version, Port: DefaultPort}
	if s.current != nil {
		base = *s.current
	}
	if s.given.Base != nil {
		key := base.Key
		base = *s.given.Base
		base.WrittenBy = ""
		if s.current != nil {
			base.WrittenBy = s.current.WrittenBy
		}
		// What is known of the key belongs to this host's key, not to the file's.
		if key.Label == "" {
			key.Label = base.Key.Label
		}
		base.Key = key
		// Consent is this operator's, and paths are this host's: so is what an image was
		// allowed, and where the container gets to.
		base.Egress, base.Image.Hardening, base.Login = EgressSetup{}, HardeningSetup{}, LoginSetup{}
		base.Watch, base.Waivers = WatchSetup{}, nil
		if s.current != nil {
			base.Egress, base.Login, base.Watch, base.Waivers = s.current.Egress, s.current.Login, s.current.Watch, s.current.Waivers
			if s.current.Image.Digest == base.Image.Digest {
				base.Image.Hardening = s.current.Image.Hardening
			}
		}
		base.API.AllowPrivate = s.current != nil && s.current.API.AllowPrivate && s.current.API.Base == base.API.Base
		base.OpenClaw.Kept = nil
		if s.current != nil {
			base.OpenClaw.Kept = s.current.OpenClaw.Kept
		}
		if s.current == nil {
			base.Dir, base.OpenClaw.Config, base.Claude.Path, base.Claude.Managed = "", "", "", false
		}
		base.Port = cmp.Or(base.Port, DefaultPort)
	}
	base.API.AllowPrivate = base.API.AllowPrivate || s.given.AllowPrivate
	base.Image.KnownGood = slices.Clone(base.Image.KnownGood)
	return base
}

// recover ends what an earlier run left unfinished; the set-up on disk may be
// another one then.
func (s *InitSession) recover(ctx context.Context) error {
	notes, err := s.w.recoverOrTell(ctx, s.given.DryRun)
	if err != nil {
		return err
	}
	s.note("start", notes...)
	s.current, s.basis, err = s.w.loadSetup(s.w.Paths.SetupFile())
	return err
}

func (s *InitSession) note(id string, notes ...Note) { s.notes[id] = append(s.notes[id], notes...) }

// Missing implements Session.
func (s *InitSession) Missing(ctx context.Context) [][]string {
	var out [][]string
	if stored, err := s.storedKey(ctx); s.given.Key.IsZero() && !s.given.DryRun && err == nil && stored.IsZero() {
		out = append(out, []string{"--key-stdin", "--key-file"})
	}
	if !s.vouched() {
		out = append(out, []string{"--image-digest", "--cosign-key", "--trust-first-use"})
	}
	if s.given.Values["store"] == "" && s.draft.Store == "" && s.w.reachable(ctx) != nil {
		out = append(out, []string{"--store"})
	}
	if s.given.Values["egress"] == "" && !s.draft.Egress.Open {
		if _, err := s.w.Gateway(); errors.Is(err, engine.ErrNoProgram) {
			out = append(out, []string{"--egress open"})
		}
	}
	if s.given.Values["claude"] == "" && s.draft.Claude.Path == "" && s.wantsClaude() {
		if _, err := s.w.Programs.Claude(ctx, ""); errors.Is(err, claude.ErrNotInstalled) {
			out = append(out, []string{"--claude", "--openclaw-mode none"})
		}
	}
	return out
}

// Skipped are the steps of which nothing is asked and nothing done: a dry run without a key
// proves none.
func (s *InitSession) Skipped() []Step {
	if s.keyMayMiss() {
		return []Step{StepKey}
	}
	return nil
}

// WhyMissing says of the flags that Missing names, by flag, why they are needed where that is
// not plain from their names.
func (s *InitSession) WhyMissing() map[string]error {
	_, err := s.w.Gateway()
	if !errors.Is(err, engine.ErrNoProgram) {
		return nil
	}
	return map[string]error{"--egress open": err}
}

// vouched tells whether something other than a first look may vouch for the
// image.
func (s *InitSession) vouched() bool {
	return s.given.TrustFirstUse || s.given.Values["image-digest"] != "" || s.given.Values["cosign-key"] != "" ||
		len(s.draft.Image.KnownGood) > 0 || (s.draft.Image.Digest != "" && s.sameImage())
}

func (s *InitSession) sameImage() bool {
	v := s.given.Values["image"]
	return v == "" || v == s.draft.Image.Reference
}

// storedKey is the API key of the present set-up, zero when there is none. An error
// means that the store could not be asked: the key may be there.
func (s *InitSession) storedKey(ctx context.Context) (secrets.Secret, error) {
	if s.current == nil || s.current.Store == "" {
		return secrets.Secret{}, nil
	}
	k, err := s.w.store(s.current.Store, s.current.StackDir(s.w.Paths)).Get(ctx, secrets.APIKey)
	if errors.Is(err, secrets.ErrNotFound) {
		return secrets.Secret{}, nil
	}
	return k, err
}

// Next implements Session.
func (s *InitSession) Next(ctx context.Context) (*Question, error) {
	for _, d := range initQuestions {
		if s.has(d.id) {
			continue
		}
		q := &Question{ID: d.id, Step: d.step, Kind: d.kind, Flags: d.flags}
		if d.skip(s) {
			s.trail = append(s.trail, answered{id: d.id})
			continue
		}
		if given := d.kind == SecretText && !s.given.Key.IsZero() && !s.fallen[d.id]; !given {
			if err := d.build(ctx, s, q); err != nil {
				return nil, err
			}
		}
		if d.kind == Choice && len(q.Options) == 0 {
			// There is nothing to choose from: nothing to decide.
			s.trail = append(s.trail, answered{id: d.id})
			continue
		}
		a, ok := s.byFlag(d, q)
		if !ok && s.stands(d) {
			if a, ok = q.standing(); ok {
				if err := d.accept(ctx, s, a); err != nil {
					// It does not stand any more: it is a question again, and this is why.
					q.Notes = append(q.Notes, Note{ID: "answer-fell", State: Failed, Args: []any{text.Clean(err.Error(), 200)}})
					return q, nil
				}
				s.answered(d.id)
				continue
			}
		}
		if !ok {
			q.Notes = append(q.Notes, s.notes[d.id]...)
			return q, nil
		}
		if err := d.accept(ctx, s, a); err != nil {
			if s.falls(ctx, d) {
				return s.askAgain(ctx, d, q, err)
			}
			return nil, d.blame(err)
		}
		s.answered(d.id)
	}
	return nil, nil
}

// askAgain asks q, which a flag had answered, and says why its answer was refused.
func (s *InitSession) askAgain(ctx context.Context, d question, q *Question, refused error) (*Question, error) {
	s.fallen[d.id] = true
	if d.kind == SecretText { // it was not built while the flag spoke for it
		if err := d.build(ctx, s, q); err != nil {
			return nil, err
		}
	}
	q.Notes = append(q.Notes, s.notes[d.id]...)
	q.Notes = append(q.Notes, Note{ID: "flag-fell", State: Failed, Args: []any{strings.Join(d.flags, "/"), text.Clean(refused.Error(), 300)}})
	return q, nil
}

// answered remembers a question that nobody was asked.
func (s *InitSession) answered(id string) {
	if !s.has(id) {
		s.trail = append(s.trail, answered{id: id})
	}
}

// byFlag is the answer that was given beforehand. Questions of experts take
// their default unless a flag says otherwise.
func (s *InitSession) byFlag(d question, q *Question) (Answer, bool) {
	if s.fallen[d.id] {
		return Answer{}, false
	}
	if d.kind == SecretText {
		return Answer{Secret: s.given.Key}, !s.given.Key.IsZero()
	}
	v := s.given.Values[d.id]
	if v == "" && d.expert {
		v = q.Default
	}
	return Answer{Value: v}, v != ""
}

func (s *InitSession) has(id string) bool {
	return slices.ContainsFunc(s.trail, func(a answered) bool { return a.id == id })
}

// Answer implements Session.
func (s *InitSession) Answer(ctx context.Context, q *Question, a Answer) error {
	d := lookUp(q.ID)
	if d == nil {
		return fmt.Errorf("there is no question %q", q.ID)
	}
	if d.kind == SecretText && a.Secret.IsZero() && q.Default == "" {
		return secrets.ErrEmpty
	}
	if d.kind != SecretText && a.Value == "" {
		a.Value = q.Default
	}
	if d.kind == Choice && !slices.ContainsFunc(q.Options, func(o Option) bool { return o.Value == a.Value && !o.Disabled }) {
		return noSuchOption(a.Value, q.values())
	}
	before := len(s.trail)
	if err := d.accept(ctx, s, a); err != nil {
		return err
	}
	if len(s.trail) >= before {
		s.trail = append(s.trail, answered{id: d.id, asked: true})
	}
	return nil
}

// Back implements Session.
func (s *InitSession) Back() bool {
	for i := len(s.trail) - 1; i >= 0; i-- {
		if s.trail[i].asked {
			s.reopen(s.trail[i].id)
			return true
		}
	}
	return false
}

// reopen forgets the answer to id and to everything after it.
func (s *InitSession) reopen(id string) {
	i := slices.IndexFunc(s.trail, func(a answered) bool { return a.id == id })
	if i < 0 {
		return
	}
	for _, a := range s.trail[i:] {
		delete(s.notes, a.id)
		if a.id == "image" || a.id == "trust" || a.id == "cosign-key" {
			s.trusted, s.draft.Image = false, s.base.Image
		}
	}
	s.trail = s.trail[:i]
}

// ErrBadValue says that an answer has not the form of one.
var ErrBadValue = errors.New("wrong value")

// ErrNoSuchOption says that an answer is none of the choices.
var ErrNoSuchOption = errors.New("no such choice")
