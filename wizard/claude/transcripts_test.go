//go:build unix

package claude

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/parttest"
)

const (
	idA = "aaaaaaaa-1111-4222-8333-444444444444"
	idB = "bbbbbbbb-1111-4222-8333-444444444444"
)

// den is a folder of Claude Code's; its files are an hour old.
type den struct {
	t   *testing.T
	dir string
}

func newDen(t *testing.T, names ...string) den {
	t.Helper()
	d := den{t, filepath.Join(t.TempDir(), "claude")}
	d.ok(os.Mkdir(d.dir, 0o700))
	d.put(names...)
	return d
}

func (d den) ok(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d den) path(name string) string { return filepath.Join(d.dir, filepath.FromSlash(name)) }

// put makes files; a name that ends in a slash is a folder.
func (d den) put(names ...string) {
	d.t.Helper()
	for _, name := range names {
		if strings.HasSuffix(name, "/") {
			d.ok(os.MkdirAll(d.path(name), 0o755))
			continue
		}
		d.ok(os.MkdirAll(filepath.Dir(d.path(name)), 0o755))
		d.ok(os.WriteFile(d.path(name), []byte("prompt"), 0o600))
		d.age(name, time.Hour)
	}
}

func (d den) age(name string, age time.Duration) {
	d.t.Helper()
	at := time.Now().Add(-age)
	d.ok(os.Chtimes(d.path(name), at, at))
}

func (d den) has(name string) bool {
	_, err := os.Lstat(d.path(name))
	return err == nil
}

func (d den) find() *Transcripts {
	d.t.Helper()
	found, err := FindTranscripts(d.t.Context(), &files.Disk{}, d.dir)
	d.ok(err)
	return found
}

func (d den) session(id string) Session {
	d.t.Helper()
	found := d.find()
	i := slices.IndexFunc(found.Sessions, func(s Session) bool { return s.ID == id })
	if i < 0 {
		d.t.Fatalf("no session %q among %+v", id, found.Sessions)
	}
	return found.Sessions[i]
}

func (d den) erase(ctx context.Context, disk *files.Disk, sessions ...Session) Erased {
	d.t.Helper()
	e, err := NewEraser(disk, d.dir)
	d.ok(err)
	var out Erased
	for _, s := range sessions {
		got := e.Session(ctx, s)
		out.Files += got.Files
		out.Bytes += got.Bytes
		out.Left = append(out.Left, got.Left...)
	}
	d.ok(errors.Join(e.Sync(), e.Close()))
	return out
}

func TestSessionOf(t *testing.T) {
	for name, want := range map[string]string{
		idA + ".jsonl":                        idA,
		idA:                                   idA,
		idA + "-agent-" + idB + ".json":       idA,
		"1p_failed_events." + idA + ".x.json": idA,
		"agent-5.jsonl":                       "agent-5",
		"memory":                              "",
		".jsonl":                              "",
		"notes.txt":                           "",
		"a\nb\x1b[2J.jsonl":                   "a\nb\x1b[2J",
		strings.ToUpper(idA) + ".jsonl":       strings.ToUpper(idA),
		"aaaaaaaa-1111-4222-8333":             "",
	} {
		if got := sessionOf(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// TestFindAndErase: all that carries the id of a session is one session, by whatever
// name; deleting it leaves all else.
func TestFindAndErase(t *testing.T) {
	d := newDen(t,
		"projects/-srv-x/"+idA+".jsonl", "projects/-srv-x/"+idA+"/subagents/agent-1.jsonl", "projects/-srv-x/"+idA+"/tool-results/b.txt",
		"projects/-srv-y/"+idA+".jsonl", // resumed in another folder
		"debug/"+idA+".txt", "file-history/"+idA+"/x@v1", "session-env/"+idA+"/", "tasks/"+idA+"/1.json", "todos/"+idA+"-agent-"+idA+".json",
		"uploads/"+idA+"/f", "image-cache/"+idA+"/1.png", "telemetry/1p_failed_events."+idA+".z.json", "dump-prompts/"+idA+".jsonl",
		"usage-data/facets/"+idA+".json", "usage-data/session-meta/"+idA+".json",
	)
	// What is of others, or of none.
	others := []string{
		"projects/-srv-x/" + idB + ".jsonl", "debug/" + idB + ".txt", "debug/readme", "settings.json", ".claude.json", "plans/" + idA + ".md", "todos/x.json",
	}
	d.put(others...)
	d.age("tasks/"+idA+"/1.json", time.Minute)
	s := d.session(idA)
	if s.Files != 14 || s.Bytes != 14*6 || len(s.Refused) > 0 || s.Running || time.Since(s.Newest).Round(time.Minute) != time.Minute {
		t.Errorf("%+v", s)
	}
	if got := d.erase(t.Context(), &files.Disk{}, s); got.Files != 14 || got.Bytes != 14*6 || len(got.Left) > 0 {
		t.Errorf("%+v", got)
	}
	d.ok(filepath.WalkDir(d.dir, func(path string, _ fs.DirEntry, err error) error {
		if strings.Contains(path, idA) && !strings.Contains(path, "plans") {
			t.Errorf("%s is left", path)
		}
		return err
	}))
	for _, name := range others {
		if !d.has(name) {
			t.Errorf("%s is gone", name)
		}
	}
	if got := d.find(); len(got.Sessions) != 1 || got.Sessions[0].ID != idB {
		t.Errorf("%+v", got.Sessions)
	}
}

func TestNothing(t *testing.T) {
	d := newDen(t)
	if got := d.find(); len(got.Sessions)+len(got.Refused)+len(got.Empty) > 0 || got.Typed {
		t.Errorf("%+v", got)
	}
	d.ok(os.Remove(d.dir))
	if got := d.find(); len(got.Sessions) > 0 {
		t.Errorf("%+v", got)
	}
	d.ok(os.Symlink(t.TempDir(), d.dir))
	if _, err := FindTranscripts(t.Context(), &files.Disk{}, d.dir); !errors.Is(err, files.ErrSymlink) {
		t.Errorf("a link in its place: %v", err)
	}
	if _, err := NewEraser(&files.Disk{}, d.dir); !errors.Is(err, files.ErrSymlink) {
		t.Errorf("a link in its place: %v", err)
	}
}

// TestOddEntries: names and kinds that Claude Code does not write.
func TestOddEntries(t *testing.T) {
	outside := newDen(t, "treasure", idA+".jsonl")
	odd := "projects/-p/a\nb\x1b[2J\xff.jsonl"
	d := newDen(t, odd, "projects/-p/"+idA+"/ok", "projects/stray", "projects/-p/folder.jsonl/x", "projects/-p/notes.md")
	d.ok(syscall.Mkfifo(d.path("projects/-p/"+idA+".jsonl"), 0o600))
	d.ok(syscall.Mkfifo(d.path("sessions.fifo"), 0o600))
	d.ok(os.Symlink(outside.path("treasure"), d.path("projects/-p/"+idB+".jsonl")))
	d.ok(os.Symlink(outside.dir, d.path("projects/-p/"+idA+"/link")))
	d.ok(os.Symlink(outside.dir, d.path("projects/-linked")))
	d.ok(os.Symlink(outside.dir, d.path("debug")))
	d.put("sessions/")
	d.ok(syscall.Mkfifo(d.path("sessions/1.json"), 0o600))
	found := d.find()
	if len(found.Refused) != 2 {
		t.Errorf("refused: %+v", found.Refused)
	}
	got := d.erase(t.Context(), &files.Disk{}, append(found.Sessions, found.Rest)...)
	var left []string
	for _, r := range got.Left {
		left = append(left, strings.TrimPrefix(r.Path, d.dir+"/")+": "+r.Reason)
	}
	slices.Sort(left)
	want := []string{
		"projects/-p/" + idA + ".jsonl: is not a regular file", "projects/-p/" + idA + "/link: is a symbolic link",
		"projects/-p/" + idB + ".jsonl: is a symbolic link", "projects/-p/folder.jsonl: is not a regular file",
	}
	if !slices.Equal(left, want) {
		t.Errorf("left %q", left)
	}
	// The odd name, what is in idA's folder, the stray file and the notes.
	if got.Files != 4 || d.has(odd) || d.has("projects/-p/"+idA+"/ok") || d.has("projects/stray") || !d.has("projects/-p/folder.jsonl/x") {
		t.Errorf("%+v", got)
	}
	if !outside.has("treasure") || !outside.has(idA+".jsonl") {
		t.Error("a link was followed")
	}
}

func TestForeignOwner(t *testing.T) {
	if os.Getuid() != 0 {
		parttest.Missing(t, "only root can make a file of somebody else")
	}
	d := newDen(t, "projects/-p/"+idA+".jsonl", "projects/-q/"+idB+".jsonl")
	d.ok(os.Chown(d.path("projects/-p/"+idA+".jsonl"), 12345, 12345))
	d.ok(os.Chown(d.path("projects/-q"), 12345, 12345))
	found := d.find()
	if len(found.Sessions) != 1 || len(found.Sessions[0].Refused) != 1 || found.Sessions[0].Deletable() || len(found.Refused) != 1 {
		t.Errorf("%+v", found)
	}
	if got := d.erase(t.Context(), &files.Disk{}, found.Sessions...); len(got.Left) != 1 || got.Files > 0 {
		t.Errorf("%+v", got)
	}
}

// TestSwapped: what took the place of a listed entry is left, and no link is followed.
func TestSwapped(t *testing.T) {
	outside := newDen(t, idA+".jsonl", "agent-1.jsonl")
	d := newDen(t, "projects/-p/"+idA+".jsonl", "projects/-p/"+idB+"/agent-1.jsonl", "projects/-p/"+idB+".jsonl")
	found := d.find()
	d.ok(os.RemoveAll(d.path("projects/-p/" + idB)))
	d.ok(os.Symlink(outside.dir, d.path("projects/-p/"+idB)))
	d.put("new")
	d.ok(os.Rename(d.path("new"), d.path("projects/-p/"+idB+".jsonl")))
	got := d.erase(t.Context(), &files.Disk{}, found.Sessions...)
	if len(got.Left) != 2 || got.Files != 1 || !d.has("projects/-p/"+idB+".jsonl") {
		t.Errorf("%+v", got)
	}
	again := newDen(t, "projects/-p/"+idA+".jsonl")
	found = again.find()
	again.ok(os.Rename(again.path("projects/-p"), again.path("projects/-q")))
	again.ok(os.Symlink(outside.dir, again.path("projects/-p")))
	if got := again.erase(t.Context(), &files.Disk{}, found.Sessions...); len(got.Left) != 1 || got.Files > 0 {
		t.Errorf("%+v", got)
	}
	if !outside.has("agent-1.jsonl") || !outside.has(idA+".jsonl") {
		t.Error("a link was followed")
	}
}

// TestLateLink: what is refused and came after the search is named as well.
func TestLateLink(t *testing.T) {
	d := newDen(t, "projects/-p/"+idA+"/one")
	s := d.session(idA)
	d.ok(os.Symlink("/etc", d.path("projects/-p/"+idA+"/late")))
	if got := d.erase(t.Context(), &files.Disk{}, s); got.Files != 1 || len(got.Left) != 1 {
		t.Errorf("%+v", got)
	}
}

// TestEraseGoesOn: a failure is named, and the rest goes.
func TestEraseGoesOn(t *testing.T) {
	d := newDen(t, "projects/-p/"+idA+".jsonl", "projects/-p/"+idA+"/one", "projects/-p/"+idA+"/two", "debug/"+idA+".txt")
	disk := &files.Disk{Before: func(op files.Op) error {
		if strings.HasSuffix(op.Path, "two") {
			return syscall.EIO
		}
		return nil
	}}
	got := d.erase(t.Context(), disk, d.session(idA))
	if got.Files != 3 || len(got.Left) != 1 || !strings.Contains(got.Left[0].Reason, "input/output") {
		t.Errorf("%+v", got)
	}
	// What is left is found by its folder.
	if s := d.session(idA); s.Files != 1 {
		t.Errorf("%+v", s)
	}
}

func TestEraseEndsWithItsContext(t *testing.T) {
	d := newDen(t, "projects/-p/"+idA+".jsonl", "projects/-p/"+idA+"/one")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if got := d.erase(ctx, &files.Disk{}, d.session(idA)); got.Files > 0 || !d.has("projects/-p/"+idA+".jsonl") {
		t.Errorf("%+v", got)
	}
	if _, err := FindTranscripts(ctx, &files.Disk{}, d.dir); !errors.Is(err, context.Canceled) {
		t.Errorf("a search that was stopped: %v", err)
	}
}

// TestFolders: Claude Code leaves an empty folder for the memory of every project, so
// that the folder of a project is never quite empty.
func TestFolders(t *testing.T) {
	d := newDen(t, "projects/-empty/", "projects/-memory/memory/", "projects/-kept/memory/notes.md", "projects/-used/"+idA+".jsonl", "projects/-used/memory/")
	found := d.find()
	var names []string
	for _, f := range found.Empty {
		names = append(names, f.Name)
	}
	if !slices.Equal(names, []string{"-empty", "-memory"}) {
		t.Errorf("empty: %q", names)
	}
	e, err := NewEraser(&files.Disk{}, d.dir)
	d.ok(err)
	defer func() { d.ok(e.Close()) }()
	for name, want := range map[string]bool{"-empty": true, "-memory": true, "-kept": false, "-used": false, "-missing": false} {
		if gone, err := e.Folder(name); gone != want || err != nil {
			t.Errorf("%s: %v, %v", name, gone, err)
		}
	}
	d.erase(t.Context(), &files.Disk{}, d.session(idA))
	if gone, err := e.Folder("-used"); !gone || err != nil || d.has("projects/-used") {
		t.Errorf("the folder of the last session: %v, %v", gone, err)
	}
}

// TestRunning: a process that lives is at work on its session; what a dead one left goes
// with it.
func TestRunning(t *testing.T) {
	d := newDen(t, "projects/-p/"+idA+".jsonl", "projects/-p/"+idB+".jsonl", "sessions/")
	sleep := exec.Command("sleep", "60")
	d.ok(sleep.Start())
	defer func() { _ = sleep.Process.Kill(); _ = sleep.Wait() }()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", sleep.Process.Pid))
	start, _ := started(string(stat))
	register := func(name string, pid int, id, start string) {
		d.ok(os.WriteFile(d.path("sessions/"+name), fmt.Appendf(nil, `{"pid":%d,"sessionId":%q,"procStart":%q,"cwd":"/srv/p"}`, pid, id, start), 0o600))
	}
	register("1.json", sleep.Process.Pid, idA, start)
	register("2.json", 1<<29, idB, "1")
	register("3.json", sleep.Process.Pid, "cccccccc-1111-4222-8333-444444444444", start)
	if a, b := d.session(idA), d.session(idB); !a.Running || a.Files != 1 || b.Running || b.Files != 2 {
		t.Errorf("%+v %+v", a, b)
	}
	if got := d.find(); len(got.Sessions) != 2 {
		t.Errorf("a process without a transcript made a session: %+v", got.Sessions)
	}
	if err != nil {
		return // no Linux: nothing tells two processes under one number apart
	}
	register("1.json", sleep.Process.Pid, idA, "12345")
	if s := d.session(idA); s.Running || s.Files != 2 {
		t.Errorf("another process under its number: %+v", s)
	}
	d.erase(t.Context(), &files.Disk{}, d.session(idA))
	if d.has("sessions/1.json") || !d.has("sessions/2.json") || !d.has("sessions/3.json") {
		t.Error("not the record of the session's own process")
	}
}

func TestDeep(t *testing.T) {
	deep := "projects/-p/" + idA + strings.Repeat("/d", deepest+3)
	d := newDen(t, deep+"/f", "projects/-p/"+idA+".jsonl")
	s := d.session(idA)
	got := d.erase(t.Context(), &files.Disk{}, s)
	if len(s.Refused) != 1 || len(got.Left) != 1 || got.Files != 1 || !d.has(deep) {
		t.Errorf("%+v %+v", s, got)
	}
}

func FuzzProcess(f *testing.F) {
	f.Add([]byte(`{"pid":2010,"sessionId":"` + idA + `","procStart":"1456188"}`))
	f.Add([]byte(`{"pid":-1,"sessionId":"../../x"}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, ok := parseProcess(b)
		if ok && (p.PID <= 0 || !uuid.MatchString(p.Session) || len(p.Session) != len(idA)) {
			t.Errorf("%+v", p)
		}
	})
}

func FuzzStarted(f *testing.F) {
	f.Add("2010 (cl) aude) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 1456188 20")
	f.Add("1 (x")
	f.Fuzz(func(t *testing.T, s string) {
		if got, ok := started(s); ok && (got == "" || strings.ContainsAny(got, " \n")) {
			t.Errorf("%q", got)
		}
	})
}
