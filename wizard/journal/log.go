package journal

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"time"

	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/hint"
)

// Names in the Detail of the first record.
const (
	detailStore    = "store"
	detailReplaces = "replaces"
)

// Genesis is what the first record says about the journal.
type Genesis struct {
	// Store is the kind of secret store that holds the keys.
	Store string
	// Detail is what else the creator wants to be known.
	Detail map[string]string
}

// Log is an open journal. It serves one goroutine at a time, and its writer must
// hold the lock that keeps other processes from writing.
type Log struct {
	paths
	options
	keys   *Keys
	seal   *sealer
	anchor Anchor
	report Report

	// head is the last record, size the length of the file up to its end.
	head Head
	size int64
	// sidecar is the head that the sidecar has.
	sidecar Head
	pending *Record

	readOnly bool
	// broken is why nothing can be written any more.
	broken error
}

type options struct {
	tool    string
	actor   Actor
	now     func() time.Time
	restart bool
}

// Option changes how a journal is opened.
type Option func(*options)

// WithTool sets the program and version that records name; "clawsetup" by
// default.
func WithTool(tool string) Option { return func(o *options) { o.tool = tool } }

// WithActor sets who records name; CurrentActor by default.
func WithActor(a Actor) Option { return func(o *options) { o.actor = a } }

// WithClock sets the clock; time.Now by default.
func WithClock(now func() time.Time) Option { return func(o *options) { o.now = now } }

// WithRestart lets Create begin anew although an earlier journal is missing. The
// first record then names the head that is lost.
func WithRestart() Option { return func(o *options) { o.restart = true } }

func newOptions(opts []Option) options {
	o := options{tool: "clawsetup", now: time.Now}
	for _, opt := range opts {
		opt(&o)
	}
	if o.actor == (Actor{}) {
		o.actor = CurrentActor()
	}
	return o
}

// Exists tells whether dir holds a journal, whatever its state.
func Exists(disk *files.Disk, dir string) (bool, error) {
	p := paths{disk, dir}
	if err := disk.CheckTarget(p.journal()); err != nil {
		return false, err
	}
	_, err := os.Lstat(p.journal())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Create begins a journal in dir. It refuses when there is one (ErrJournalExists),
// and when an anchor knows one that is gone (ErrJournalMissing) unless
// WithRestart says that this is known.
func Create(ctx context.Context, disk *files.Disk, dir string, keys Keys, anchor Anchor, g Genesis, opts ...Option) (*Log, error) {
	if err := keys.check(); err != nil {
		return nil, err
	}
	l := &Log{paths: paths{disk, dir}, options: newOptions(opts), keys: &keys, seal: newSealer(&keys), anchor: anchor}
	there, err := Exists(disk, dir)
	if err != nil {
		return nil, fmt.Errorf("looking for a journal: %w", err)
	}
	if there {
		return nil, fmt.Errorf("%s: %w", l.journal(), ErrJournalExists)
	}
	lost, err := l.lost(ctx)
	if err != nil {
		return nil, err
	}
	if err := l.begin(g, lost); err != nil {
		return nil, fmt.Errorf("creating the journal: %w", err)
	}
	if err := l.Seal(ctx); err != nil {
		return nil, err
	}
	if l.report, _, err = l.verify(ctx, l.keys, l.anchor); err != nil {
		return nil, err
	}
	return l, nil
}

// Missing tells whether an earlier journal of dir is gone: an anchor knows it, the
// folder does not have it (ErrJournalMissing). Create refuses then; asking first keeps
// the keys of the lost journal from being replaced.
func Missing(ctx context.Context, disk *files.Disk, dir string, anchor Anchor) error {
	l := &Log{paths: paths{disk, dir}, anchor: anchor}
	_, err := l.lost(ctx)
	return err
}

// lost returns the head of an earlier journal that is no more.
func (l *Log) lost(ctx context.Context) (Head, error) {
	a := l.loadAnchors(ctx, l.anchor)
	if a.anchorErr != nil && (!l.restart || !errors.Is(a.anchorErr, ErrHead)) {
		return Head{}, fmt.Errorf("asking the anchor whether there was a journal: %w", a.anchorErr)
	}
	known := !a.anchor.IsZero() || !a.sidecar.IsZero() || a.sidecarErr != nil
	if known && !l.restart {
		return Head{}, l.absent(a)
	}
	if !a.anchor.IsZero() {
		return a.anchor, nil
	}
	return a.sidecar, nil
}

// begin writes the first record, whole or not at all, and the sidecar.
func (l *Log) begin(g Genesis, lost Head) error {
	detail := maps.Clone(g.Detail)
	if detail == nil {
		detail = map[string]string{}
	}
	detail[detailStore] = g.Store
	if !lost.IsZero() {
		detail[detailReplaces] = lost.String()
	}
	var id [logLen / 2]byte
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	l.head = Head{Log: hex.EncodeToString(id[:]), Hash: string(genesisPrev)}
	var b batch
	if err := b.add(l, Entry{Event: JournalCreated, Phase: PhaseGenesis, Detail: detail}); err != nil {
		return err
	}
	// A sidecar of the lost journal would contradict the new one.
	if err := l.disk.Remove(l.paths.head()); err != nil {
		return err
	}
	if err := l.disk.WriteFile(l.journal(), b.lines, 0o600); err != nil {
		return err
	}
	l.head, l.size = b.head, int64(len(b.lines))
	return l.catchUp()
}

// Open verifies the journal in dir and opens it for appending; the caller holds
// the lock. What a crash left behind is put right: an incomplete last line is moved
// to a file of its own beside the journal, and journaled; a sidecar that is one batch behind
// is renewed. Anything else that does not verify is a *VerifyError and changes
// nothing. An anchor that cannot be asked is an error too: a change that cannot be
// audited must not be made.
func Open(ctx context.Context, disk *files.Disk, dir string, keys Keys, anchor Anchor, opts ...Option) (*Log, error) {
	l, a, err := open(ctx, paths{disk, dir}, &keys, anchor, newOptions(opts))
	if err != nil {
		return nil, err
	}
	if err := l.failure(); err != nil {
		return nil, err
	}
	if err := l.report.AnchorErr; err != nil {
		return nil, fmt.Errorf("asking the anchor of %s: %w", l.journal(), err)
	}
	if err := l.findPending(); err != nil {
		return nil, fmt.Errorf("looking for an unfinished transaction: %w", err)
	}
	if err := l.repair(ctx, a); err != nil {
		return nil, fmt.Errorf("repairing the journal after a crash: %w", err)
	}
	return l, nil
}

// OpenReadOnly verifies the journal and opens it for reading; it writes nothing, and
// needs no lock: a writer at work shows as records beyond the anchors. Without keys the
// MACs are not checked, without an anchor it is not. A journal that does not verify
// is opened too: Report says what is wrong, and Records ends with that error after the
// last good record. An error means that the journal could not be read, is not there
// (ErrNoJournal) or is gone (ErrJournalMissing).
func OpenReadOnly(ctx context.Context, disk *files.Disk, dir string, keys *Keys, anchor Anchor) (*Log, error) {
	l, _, err := open(ctx, paths{disk, dir}, keys, anchor, options{})
	if err != nil {
		return nil, err
	}
	l.readOnly = true
	// A record that cannot be read is for Records to tell.
	_ = l.findPending()
	return l, nil
}

func open(ctx context.Context, p paths, keys *Keys, anchor Anchor, o options) (*Log, anchors, error) {
	if keys != nil {
		if err := keys.check(); err != nil {
			return nil, anchors{}, err
		}
	}
	r, a, err := p.verify(ctx, keys, anchor)
	if err != nil {
		return nil, a, err
	}
	l := &Log{
		paths: p, options: o, keys: keys, seal: newSealer(keys), anchor: anchor, report: r,
		head: r.Head, size: r.Bytes, sidecar: a.sidecar,
	}
	return l, a, nil
}

// failure is what verification found wrong, as an error.
func (l *Log) failure() error {
	if !l.report.Failed() {
		return nil
	}
	return (&VerifyError{Path: l.journal(), Report: l.report}).hinted()
}

// Report is what verification found when the journal was opened.
func (l *Log) Report() Report { return l.report }

// Head is the journal's end.
func (l *Log) Head() Head { return l.head }

// Seal writes the head to both anchors: once at the end of a transaction,
// because the keyring takes its time.
func (l *Log) Seal(ctx context.Context) error {
	if l.readOnly {
		return ErrReadOnly
	}
	if err := l.catchUp(); err != nil {
		return err
	}
	if l.anchor == nil {
		return nil
	}
	if err := l.anchor.Save(ctx, l.head); err != nil {
		return hint.With(fmt.Errorf("anchoring record %d of the journal: %w", l.head.Seq, err), "journal-anchor")
	}
	return nil
}

// catchUp gives the sidecar the head.
func (l *Log) catchUp() error {
	if l.sidecar == l.head {
		return nil
	}
	if err := l.writeSidecar(l.head); err != nil {
		return fmt.Errorf("writing the journal's head: %w", err)
	}
	l.sidecar = l.head
	return nil
}
