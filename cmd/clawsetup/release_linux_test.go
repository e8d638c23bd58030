//go:build release

package main

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/ui/ptytest"
	"github.com/clawsetup/clawsetup/wizard/parttest"
)

// What .ci/release-check gives: the folder that GoReleaser filled, and the public half of
// the key that it signed with.
var (
	dist       = flag.String("dist", "", "test the release in this folder, with TestRelease…")
	signedWith = flag.String("signed-with", "", "the public key of its signature")
)

// release is what was built.
type release struct {
	dir string
	// sums are the SHA-256 of the files in checksums.txt, by their names.
	sums map[string]string
}

// theRelease is the one that is to be tested; the build tag keeps these tests out of runs
// that have none.
func theRelease(t *testing.T) release {
	t.Helper()
	if *dist == "" {
		t.Fatal("no release was built: make release-check builds one")
	}
	r := release{dir: *dist, sums: map[string]string{}}
	b, err := os.ReadFile(filepath.Join(r.dir, "checksums.txt"))
	check(t, err)
	for line := range strings.Lines(string(b)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		r.sums[name] = sum
	}
	return r
}

// file is the one artifact whose name ends so.
func (r release) file(t *testing.T, end string) string {
	t.Helper()
	var found []string
	for name := range r.sums {
		if strings.HasSuffix(name, end) {
			found = append(found, name)
		}
	}
	if len(found) != 1 {
		t.Fatalf("artifacts that end with %s: %q", end, found)
	}
	return filepath.Join(r.dir, found[0])
}

func TestReleaseChecksums(t *testing.T) {
	r := theRelease(t)
	for name, want := range r.sums {
		b, err := os.ReadFile(filepath.Join(r.dir, name))
		check(t, err)
		if got := sha256.Sum256(b); hex.EncodeToString(got[:]) != want {
			t.Errorf("%s: checksums.txt says %s, it is %x", name, want, got)
		}
	}
	for _, end := range []string{".deb", ".rpm", ".apk", ".tar.gz", ".zip"} {
		for _, arch := range []string{"amd64", "arm64"} {
			if !slices.ContainsFunc(slices.Collect(maps.Keys(r.sums)), func(name string) bool {
				return strings.HasSuffix(name, end) && strings.Contains(name, arch)
			}) {
				t.Errorf("checksums.txt names no %s for %s", end, arch)
			}
		}
	}
}

// archived are the files that an archive of a release has, by their modes.
func archived(t *testing.T, path string) map[string]os.FileMode {
	t.Helper()
	out := map[string]os.FileMode{}
	if strings.HasSuffix(path, ".zip") {
		z, err := zip.OpenReader(path)
		check(t, err)
		defer z.Close()
		for _, f := range z.File {
			out[f.Name] = f.Mode()
		}
		return out
	}
	eachInTar(t, path, func(h *tar.Header, _ io.Reader) {
		out[h.Name] = h.FileInfo().Mode()
		if h.Uid != 0 || h.Gid != 0 || strings.HasPrefix(h.Name, "/") || strings.Contains(h.Name, "..") {
			t.Errorf("%s: %s of %d:%d", filepath.Base(path), h.Name, h.Uid, h.Gid)
		}
	})
	return out
}

func eachInTar(t *testing.T, path string, visit func(*tar.Header, io.Reader)) {
	t.Helper()
	f, err := os.Open(path)
	check(t, err)
	defer f.Close()
	z, err := gzip.NewReader(bufio.NewReader(f))
	check(t, err)
	r := tar.NewReader(z)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		check(t, err)
		visit(h, r)
	}
}

// released are the files beside the program that every archive has.
func released() []string {
	out := []string{"LICENSE", "README.md", "CHANGELOG.md", "SECURITY.md"}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		out = append(out, "completions/clawsetup."+shell)
	}
	for _, m := range manuals {
		for name := range m.pages(time.Unix(0, 0)) {
			out = append(out, "man/"+m.folder+"/"+name)
		}
	}
	return out
}

func TestReleaseArchives(t *testing.T) {
	r := theRelease(t)
	for _, system := range []string{"linux", "darwin", "windows"} {
		for _, arch := range []string{"amd64", "arm64"} {
			end, program := ".tar.gz", "clawsetup"
			if system == "windows" {
				end, program = ".zip", "clawsetup.exe"
			}
			path := r.file(t, "_"+system+"_"+arch+end)
			files := archived(t, path)
			if files[program].Perm() != 0o755 {
				t.Errorf("%s: %s has mode %v", filepath.Base(path), program, files[program])
			}
			for _, name := range released() {
				if files[name].Perm() != 0o644 {
					t.Errorf("%s: %s has mode %v", filepath.Base(path), name, files[name])
				}
			}
			if want := len(released()) + 1; len(files) != want {
				t.Errorf("%s has %d files, want %d", filepath.Base(path), len(files), want)
			}
		}
	}
}

// packages are the ways to install and to take away.
var packages = []struct {
	end             string
	install, remove func(root, pkg string) []string
}{
	{
		"_" + runtime.GOARCH + ".deb",
		func(root, pkg string) []string { return []string{"dpkg", "--root=" + root, "--install", pkg} },
		func(root, _ string) []string { return []string{"dpkg", "--root=" + root, "--purge", "clawsetup"} },
	},
	{
		"_" + runtime.GOARCH + ".rpm",
		func(root, pkg string) []string {
			return []string{"rpm", "--root", root, "--dbpath", "/var/lib/rpm", "--nosignature", "--install", pkg}
		},
		func(root, _ string) []string {
			return []string{"rpm", "--root", root, "--dbpath", "/var/lib/rpm", "--erase", "clawsetup"}
		},
	},
}

// othersFolders belong to other packages of a system.
var othersFolders = []string{
	"usr/bin", "usr/share/bash-completion/completions", "usr/share/doc", "usr/share/fish/vendor_completions.d",
	"usr/share/man/man1", "usr/share/man/ru/man1", "usr/share/zsh/vendor-completions", "usr/share/zsh/site-functions",
}

// newSystem makes a root in which packages can be installed, with files of others.
func newSystem(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range []string{"var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/rpm"} {
		check(t, os.MkdirAll(filepath.Join(root, name), 0o755))
	}
	check(t, os.WriteFile(filepath.Join(root, "var/lib/dpkg/status"), nil, 0o644))
	for _, name := range othersFolders {
		check(t, os.MkdirAll(filepath.Join(root, name), 0o755))
		check(t, os.WriteFile(filepath.Join(root, name, "other"), []byte(name), 0o644))
	}
	return root
}

// A package is installed by the system's own program into a root of its own, used
// there, and taken away: then nothing is left.
func TestReleasePackages(t *testing.T) {
	r := theRelease(t)
	if os.Getuid() != 0 {
		parttest.Missing(t, "only root can install packages, into a root of its own as well")
	}
	for _, p := range packages {
		name := p.install("", "")[0]
		t.Run(name, func(t *testing.T) {
			need(t, name)
			root := newSystem(t)
			before := installed(t, root)
			must(t, p.install(root, r.file(t, p.end))...)
			tryInstalled(t, root)
			must(t, p.remove(root, r.file(t, p.end))...)
			after := installed(t, root)
			for path, was := range before {
				if after[path] != was {
					t.Errorf("%s: %q, before %q", path, after[path], was)
				}
				delete(after, path)
			}
			for path := range after {
				t.Errorf("%s is left behind", path)
			}
		})
	}
}

// An apk is unpacked: nothing on Debian installs one.
func TestReleaseAPK(t *testing.T) {
	r := theRelease(t)
	root := t.TempDir()
	eachInTar(t, r.file(t, "_"+runtime.GOARCH+".apk"), func(h *tar.Header, content io.Reader) {
		path := filepath.Join(root, h.Name)
		check(t, os.MkdirAll(filepath.Dir(path), 0o755))
		if h.Typeflag != tar.TypeReg {
			return
		}
		b, err := io.ReadAll(content)
		check(t, err)
		check(t, os.WriteFile(path, b, h.FileInfo().Mode().Perm()))
	})
	info, err := os.ReadFile(filepath.Join(root, ".PKGINFO"))
	check(t, err)
	if !strings.Contains(string(info), "pkgname = clawsetup\n") || !strings.Contains(string(info), "license = Apache-2.0\n") {
		t.Errorf(".PKGINFO:\n%s", info)
	}
	tryInstalled(t, root)
}

// need skips a test without the program that it needs; in CI that is a failure.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	parttest.Missing(t, program+" is not installed")
}

func must(t *testing.T, args ...string) string {
	t.Helper()
	c := exec.Command(args[0], args[1:]...)
	c.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return string(out)
}

// installed is what is in root, without what the installers themselves keep there.
func installed(t *testing.T, root string) map[string]string {
	t.Helper()
	tree, err := readTree(filepath.Join(root, "usr"))
	check(t, err)
	top, err := os.ReadDir(root)
	check(t, err)
	for _, e := range top {
		tree["/"+e.Name()] = e.Type().String()
	}
	return tree
}

// tryInstalled uses what a package brought: the program, alone in the root and for a
// whole demo, the pages and the completions.
func tryInstalled(t *testing.T, root string) {
	t.Helper()
	program := filepath.Join(root, "usr", "bin", "clawsetup")
	tryVersion(t, root, program)
	tryDemo(t, program)
	for _, m := range manuals {
		for name := range m.pages(time.Unix(0, 0)) {
			page := filepath.Join(root, "usr/share/man", m.folder, name)
			formatted(t, page)
			if st, err := os.Stat(page); err != nil || st.Mode().Perm() != 0o644 {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
	if st, err := os.Stat(filepath.Join(root, "usr/share/doc/clawsetup/copyright")); err != nil || st.Size() == 0 {
		t.Errorf("the licence: %v", err)
	}
	tryShells(t, root)
}

// tryVersion runs the program where there is nothing but itself, and wants the commit
// that this is and the checksums of go.sum.
func tryVersion(t *testing.T, root, program string) {
	t.Helper()
	c := exec.Command(program, "version", "--json")
	if os.Getuid() == 0 {
		c = exec.Command("/usr/bin/clawsetup", "version", "--json")
		c.SysProcAttr, c.Dir = &syscall.SysProcAttr{Chroot: root}, "/"
	}
	c.Env = []string{}
	out, err := c.Output()
	check(t, err)
	var b build
	check(t, json.Unmarshal(out, &b))
	var meta struct{ Commit string }
	readJSON(t, filepath.Join(*dist, "metadata.json"), &meta)
	if b.Commit != meta.Commit || b.Commit == "" || !strings.HasPrefix(b.Version, "v") || b.OS != runtime.GOOS || b.Arch != runtime.GOARCH || !strings.HasPrefix(b.Go, "go1.") {
		t.Errorf("version --json: %+v, the release is of %s", b, meta.Commit)
	}
	if _, err := time.Parse(time.RFC3339, b.Date); err != nil {
		t.Errorf("the date: %v", err)
	}
	sums, err := os.ReadFile(filepath.Join("..", "..", "go.sum"))
	check(t, err)
	for module, sum := range b.Modules {
		if line := strings.Replace(module, "@", " ", 1) + " " + sum + "\n"; !strings.Contains(string(sums), line) {
			t.Errorf("go.sum has no line %q", line)
		}
	}
	if len(b.Modules) == 0 {
		t.Error("no modules")
	}
}

// tryDemo lets the program play the whole wizard in a home of its own, of which
// nothing is left.
func tryDemo(t *testing.T, program string) {
	t.Helper()
	home := t.TempDir()
	c := exec.Command(program, "demo")
	c.Dir, c.Env = home, []string{"HOME=" + home, "TMPDIR=" + home, "PATH=/usr/bin:/bin", "LANG=C"}
	out, err := c.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "docker-compose.cloudru-proxy.yml") {
		t.Errorf("demo: %v\n%s", err, out)
	}
	left, err := os.ReadDir(home)
	check(t, err)
	if len(left) > 0 {
		t.Errorf("demo left %v", left)
	}
}

// shellTries are how each shell gets the completions of a package.
var shellTries = []struct {
	shell, script string
	start         []string
	setUp         string
}{
	{"bash", "bash-completion/completions/clawsetup", []string{"bash", "--norc", "--noprofile", "-i"}, "source /usr/share/bash-completion/bash_completion; source %[1]s"},
	{"zsh", "zsh/*/_clawsetup", []string{"zsh", "-f", "-i"}, "fpath=(%[2]s $fpath); autoload -Uz compinit; compinit -u -D"},
	{"fish", "fish/vendor_completions.d/clawsetup.fish", []string{"fish", "--no-config", "-i"}, "source %[1]s"},
}

// tryShells types on real shells: a command, a flag and a value are completed.
func tryShells(t *testing.T, root string) {
	t.Helper()
	for _, s := range shellTries {
		t.Run(s.shell, func(t *testing.T) {
			need(t, s.shell)
			scripts, err := filepath.Glob(filepath.Join(root, "usr/share", s.script))
			check(t, err)
			if len(scripts) != 1 {
				t.Fatalf("scripts for %s: %q", s.shell, scripts)
			}
			home := t.TempDir()
			c := exec.CommandContext(context.Background(), s.start[0], s.start[1:]...)
			c.Dir = home
			c.Env = []string{"HOME=" + home, "PATH=" + filepath.Join(root, "usr/bin") + ":/usr/bin:/bin", "TERM=xterm", "LANG=C.UTF-8", "PS1=ready> "}
			term, err := ptytest.Start(c, 110, 30)
			check(t, err)
			defer term.Close()
			check(t, term.Type(fmt.Sprintf(s.setUp, scripts[0], filepath.Dir(scripts[0]))+"; echo go''on\r"))
			check(t, term.Expect("goon"))
			for _, try := range []struct{ keys, want string }{
				{"clawsetup config-hi\t", "clawsetup config-history"},
				{"ver\t", "clawsetup config-history verify"},
				{"\x15clawsetup init --hard\t", "clawsetup init --hardening"},
				{"\x15clawsetup init --store k\t", "clawsetup init --store keyring"},
				{"\x15clawsetup --lang r\t", "clawsetup --lang ru"},
				{"\x15clawsetup init --hardening gateway,sk\t", "skills"},
			} {
				check(t, term.Type(try.keys))
				if err := term.Expect(try.want); err != nil {
					t.Fatalf("%q: %v", try.keys, err)
				}
			}
		})
	}
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	check(t, err)
	check(t, json.Unmarshal(b, v))
}

// caskView is what Homebrew takes from the cask on one kind of machine.
type caskView struct {
	Version, URL, SHA256, Binary, Manpage []string

	Bash []string `json:"bash_completion"`
	Zsh  []string `json:"zsh_completion"`
	Fish []string `json:"fish_completion"`
	Run  [][]string
}

// The cask is evaluated for every kind of machine: it must name an archive of this
// release, with its checksum, that has what is to be linked from it.
func TestReleaseCask(t *testing.T) {
	r := theRelease(t)
	need(t, "ruby")
	for system, goos := range map[string]string{"macos": "darwin", "linux": "linux"} {
		for cpu, arch := range map[string]string{"intel": "amd64", "arm": "arm64"} {
			t.Run(system+"-"+cpu, func(t *testing.T) {
				out := must(t, "ruby", "testdata/cask.rb", filepath.Join(r.dir, "homebrew", "Casks", "clawsetup.rb"), system, cpu)
				var c caskView
				check(t, json.Unmarshal([]byte(out), &c))
				r.checkCask(t, c, "_"+goos+"_"+arch+".tar.gz")
				if xattr := strings.Contains(fmt.Sprint(c.Run), "com.apple.quarantine"); xattr != (goos == "darwin") {
					t.Errorf("after the installation: %q", c.Run)
				}
			})
		}
	}
}

func (r release) checkCask(t *testing.T, c caskView, end string) {
	t.Helper()
	archive := r.file(t, end)
	name := filepath.Base(archive)
	if len(c.URL) != 1 || len(c.SHA256) != 1 || len(c.Version) != 1 {
		t.Fatalf("%+v", c)
	}
	url := strings.ReplaceAll(c.URL[0], "#{version}", c.Version[0])
	if !regexp.MustCompile(`^https://github\.com/[\w-]+/[\w-]+/releases/download/v[^/]+/`+regexp.QuoteMeta(name)+`$`).MatchString(url) || c.SHA256[0] != r.sums[name] {
		t.Errorf("%s with %s, want %s with %s", url, c.SHA256[0], name, r.sums[name])
	}
	files := archived(t, archive)
	linked := slices.Concat(c.Binary, c.Manpage, c.Bash, c.Zsh, c.Fish)
	for _, l := range linked {
		if _, ok := files[l]; !ok {
			t.Errorf("%s: it has no %s, which the cask links", name, l)
		}
	}
	if want := 1 + len(manuals[0].pages(time.Unix(0, 0))) + 3; len(linked) != want {
		t.Errorf("%s: the cask links %d files, want %d: %q", name, len(linked), want, linked)
	}
}
