//go:build release

package main

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/clawsetup/clawsetup/wizard/parttest"
)

const (
	repositoryToken = "token-of-the-repository"
	tapToken        = "token-of-the-tap"
)

// github is what of GitHub's interface a release uses: releases with their assets, the
// tags, and the files of a tap. It refuses what GitHub refuses.
type github struct {
	*httptest.Server

	mu       sync.Mutex
	next     int
	releases []*ghRelease
	tag      string // what the tag is there
	cask     []byte // of the tap
	pushed   int    // how often the tap was changed
	refuse   string // the name of an asset that cannot be uploaded
	down     bool   // the list of releases cannot be had
	problems []string
}

type ghRelease struct {
	ID         int       `json:"id"`
	TagName    string    `json:"tag_name"`
	Name       string    `json:"name"`
	Body       string    `json:"body"`
	Draft      bool      `json:"draft"`
	Prerelease bool      `json:"prerelease"`
	UploadURL  string    `json:"upload_url"`
	Assets     []ghAsset `json:"assets"`
}

type ghAsset struct {
	ID     int    `json:"id"`
	Name   string `json:"name"`
	State  string `json:"state"`
	Size   int    `json:"size"`
	Digest string `json:"digest"`
}

func newGitHub(t *testing.T, tag string) *github {
	t.Helper()
	g := &github{tag: tag}
	m := http.NewServeMux()
	const repo = "/repos/clawsetup/clawsetup"
	for pattern, answer := range map[string]func(*http.Request) (int, any){
		"GET " + repo + "/releases":                   g.list,
		"POST " + repo + "/releases":                  g.create,
		"DELETE " + repo + "/releases/{id}":           g.remove,
		"PATCH " + repo + "/releases/{id}":            g.edit,
		"GET " + repo + "/releases/{id}/assets":       g.assets,
		"POST /uploads" + repo + "/{id}":              g.upload,
		"DELETE " + repo + "/releases/assets/{asset}": g.removeAsset,
		"GET " + repo + "/git/ref/tags/{tag}":         g.ref,
	} {
		m.HandleFunc(pattern, g.guarded(repositoryToken, answer))
	}
	m.HandleFunc("GET /repos/somebody/homebrew-tap/contents/Casks/clawsetup.rb", g.guarded(tapToken, g.tapFile))
	m.HandleFunc("PUT /repos/somebody/homebrew-tap/contents/Casks/clawsetup.rb", g.guarded(tapToken, g.pushCask))
	g.Server = httptest.NewServer(m)
	t.Cleanup(g.Close)
	return g
}

func refusal(status int, why string) (int, any) {
	return status, map[string]string{"message": why, "status": strconv.Itoa(status)}
}

func (g *github) guarded(token string, answer func(*http.Request) (int, any)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		defer g.mu.Unlock()
		status, body := refusal(http.StatusNotFound, "Not Found")
		if r.Header.Get("Authorization") == "Bearer "+token {
			status, body = answer(r)
		} else {
			g.problems = append(g.problems, r.Method+" "+r.URL.Path+" with another token")
		}
		w.WriteHeader(status)
		if body != nil {
			_ = json.NewEncoder(w).Encode(body)
		}
	}
}

func (g *github) list(r *http.Request) (int, any) {
	if g.down {
		return refusal(http.StatusForbidden, "Forbidden")
	}
	if r.FormValue("page") != "1" {
		return http.StatusOK, []*ghRelease{}
	}
	return http.StatusOK, g.releases
}

func (g *github) create(r *http.Request) (int, any) {
	g.next++
	n := &ghRelease{ID: g.next, Assets: []ghAsset{}, UploadURL: fmt.Sprintf("%s/uploads/repos/clawsetup/clawsetup/%d{?name,label}", g.URL, g.next)}
	if err := json.NewDecoder(r.Body).Decode(n); err != nil {
		return refusal(http.StatusBadRequest, err.Error())
	}
	g.releases = append([]*ghRelease{n}, g.releases...)
	return http.StatusCreated, n
}

// changeable is the draft of a request; what is public is not to be changed.
func (g *github) changeable(r *http.Request) *ghRelease {
	for _, n := range g.releases {
		if strconv.Itoa(n.ID) != r.PathValue("id") {
			continue
		}
		if !n.Draft {
			g.problems = append(g.problems, r.Method+" "+r.URL.Path+" on a public release")
			return nil
		}
		return n
	}
	return nil
}

func (g *github) remove(r *http.Request) (int, any) {
	n := g.changeable(r)
	if n == nil {
		return refusal(http.StatusNotFound, "Not Found")
	}
	g.releases = slices.DeleteFunc(g.releases, func(o *ghRelease) bool { return o == n })
	return http.StatusNoContent, nil
}

func (g *github) edit(r *http.Request) (int, any) {
	n := g.changeable(r)
	if n == nil {
		return refusal(http.StatusNotFound, "Not Found")
	}
	if err := json.NewDecoder(r.Body).Decode(n); err != nil {
		return refusal(http.StatusBadRequest, err.Error())
	}
	return http.StatusOK, n
}

func (g *github) assets(r *http.Request) (int, any) {
	for _, n := range g.releases {
		if strconv.Itoa(n.ID) == r.PathValue("id") {
			return http.StatusOK, n.Assets
		}
	}
	return refusal(http.StatusNotFound, "Not Found")
}

func (g *github) upload(r *http.Request) (int, any) {
	n, name := g.changeable(r), r.FormValue("name")
	if n == nil {
		return refusal(http.StatusNotFound, "Not Found")
	}
	if slices.ContainsFunc(n.Assets, func(a ghAsset) bool { return a.Name == name }) {
		return refusal(http.StatusUnprocessableEntity, "already_exists")
	}
	content, err := io.ReadAll(r.Body)
	if err != nil {
		return refusal(http.StatusBadRequest, err.Error())
	}
	g.next++
	sum := sha256.Sum256(content)
	a := ghAsset{ID: g.next, Name: name, State: "uploaded", Size: len(content), Digest: "sha256:" + hex.EncodeToString(sum[:])}
	if name == g.refuse {
		a.State = "starter"
		n.Assets = append(n.Assets, a)
		return refusal(http.StatusBadGateway, "Bad Gateway")
	}
	n.Assets = append(n.Assets, a)
	return http.StatusCreated, a
}

func (g *github) removeAsset(r *http.Request) (int, any) {
	for _, n := range g.releases {
		n.Assets = slices.DeleteFunc(n.Assets, func(a ghAsset) bool { return strconv.Itoa(a.ID) == r.PathValue("asset") })
	}
	return http.StatusNoContent, nil
}

func (g *github) ref(*http.Request) (int, any) {
	return http.StatusOK, map[string]any{"object": map[string]string{"sha": g.tag, "type": "tag"}}
}

func (g *github) blob() string {
	return fmt.Sprintf("%x", sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(g.cask), g.cask)))
}

func (g *github) tapFile(*http.Request) (int, any) {
	if g.cask == nil {
		return refusal(http.StatusNotFound, "Not Found")
	}
	return http.StatusOK, map[string]any{"sha": g.blob(), "content": g.cask}
}

func (g *github) pushCask(r *http.Request) (int, any) {
	var put struct {
		Message, SHA string
		Content      []byte
	}
	if err := json.NewDecoder(r.Body).Decode(&put); err != nil || put.Message == "" {
		return refusal(http.StatusUnprocessableEntity, fmt.Sprint(err))
	}
	if g.cask != nil && put.SHA != g.blob() {
		return refusal(http.StatusConflict, "it is another file")
	}
	if !slices.ContainsFunc(g.releases, func(n *ghRelease) bool { return !n.Draft && bytes.Contains(put.Content, []byte(n.TagName[1:])) }) {
		g.problems = append(g.problems, "the tap has a cask of what is not public")
	}
	g.cask, g.pushed = put.Content, g.pushed+1
	return http.StatusOK, map[string]any{}
}

// releaser runs the steps of the workflow in the clone that .ci/release-check built in,
// each with the environment that the workflow gives it.
type releaser struct {
	t           *testing.T
	clone, tag  string
	environment []string
	output      string
	values      map[string]string
}

func newReleaser(t *testing.T, r release, g *github, tag, registry string) *releaser {
	t.Helper()
	home := t.TempDir()
	p := &releaser{t: t, clone: filepath.Dir(r.dir), tag: tag, output: filepath.Join(home, "output"), values: map[string]string{
		"${{ secrets.GITHUB_TOKEN }}": repositoryToken, "${{ secrets.TAP_GITHUB_TOKEN }}": tapToken, "${{ vars.HOMEBREW_TAP_OWNER }}": "somebody",
	}}
	p.environment = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + home, "RELEASE_TOOLS=" + os.Getenv("RELEASE_TOOLS"), "RELEASE_REGISTRY=" + registry,
		"GITHUB_API_URL=" + g.URL, "GITHUB_REPOSITORY=clawsetup/clawsetup", "GITHUB_ACTOR=somebody", "GITHUB_OUTPUT=" + p.output,
	}
	return p
}

// run makes that step, with what the workflow gives to it; extra comes last.
func (p *releaser) run(name string, extra ...string) (string, error) {
	p.t.Helper()
	for _, s := range workflows(p.t)["release.yml"].Jobs["release"].Steps {
		if s.Run != "bash .ci/release "+name {
			continue
		}
		c := exec.Command("bash", "-ec", s.Run)
		c.Dir, c.Env = p.clone, append(slices.Clone(p.environment), "RELEASE_TAG="+p.tag)
		for variable, expression := range s.Env {
			value, known := p.values[expression]
			if !known {
				p.t.Fatalf("%s: %s is %s", s.Run, variable, expression)
			}
			c.Env = append(c.Env, variable+"="+value)
		}
		c.Env = append(c.Env, extra...)
		out, err := c.CombinedOutput()
		return string(out), err
	}
	p.t.Fatalf("the workflow has no step %q", name)
	return "", nil
}

// must runs steps that have to succeed, and gives what the last one said.
func (p *releaser) must(names ...string) string {
	p.t.Helper()
	var out string
	for _, name := range names {
		var err error
		if out, err = p.run(name); err != nil {
			p.t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	return out
}

// wantRelease: there is this one of the tag, with every file and with the notes as its text.
func (g *github) wantRelease(t *testing.T, r release, tag string, draft bool) {
	t.Helper()
	var of []*ghRelease
	for _, n := range g.releases {
		if n.TagName == tag {
			of = append(of, n)
		}
	}
	if len(of) != 1 || of[0].Draft != draft || of[0].Name != tag || of[0].Prerelease != strings.Contains(tag, "-") {
		t.Fatalf("releases of %s: %+v", tag, of)
	}
	notes, err := os.ReadFile(filepath.Join(filepath.Dir(r.dir), ".release", "notes.md"))
	check(t, err)
	if strings.TrimSpace(string(notes)) == "" || of[0].Body != string(notes) {
		t.Errorf("the release says %q, the notes are %q", of[0].Body, notes)
	}
	want := append(slices.Collect(maps.Keys(r.sums)), "checksums.txt", "checksums.txt.sigstore.json")
	var got []string
	for _, a := range of[0].Assets {
		content, err := os.ReadFile(filepath.Join(r.dir, a.Name))
		check(t, err)
		if sum := sha256.Sum256(content); a.Digest != "sha256:"+hex.EncodeToString(sum[:]) {
			t.Errorf("%s was uploaded as another file", a.Name)
		}
		got = append(got, a.Name)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("uploaded: %q, want %q", got, want)
	}
}

// theTag is what the release is of, and what the tag is in the clone that it was built in.
func theTag(t *testing.T, r release) (tag, object string) {
	t.Helper()
	var meta struct{ Tag string }
	readJSON(t, filepath.Join(r.dir, "metadata.json"), &meta)
	if asked := os.Getenv("RELEASE_TAG"); meta.Tag != asked {
		t.Fatalf("it is a release of %s, not of %q", meta.Tag, asked)
	}
	return meta.Tag, strings.TrimSpace(must(t, "git", "-C", filepath.Dir(r.dir), "rev-parse", "refs/tags/"+meta.Tag))
}

// A release that fails on the way is continued by the same steps: there is one draft, with
// everything in it; it is public before the tap hears of it, and stays as it is then.
func TestReleaseUpload(t *testing.T) {
	r := theRelease(t)
	tag, object := theTag(t, r)
	g := newGitHub(t, object)
	g.releases = []*ghRelease{{ID: 90, TagName: "v0.0.0", Assets: []ghAsset{}}, {ID: 91, TagName: tag, Draft: true, Assets: []ghAsset{}}}
	p := newReleaser(t, r, g, tag, "")
	p.must("sign")
	g.down = true
	if out, err := p.run("draft"); err == nil || len(g.releases) != 2 {
		t.Fatalf("without knowing what is there: %d releases, %s", len(g.releases), out)
	}
	g.down = false
	g.refuse = "checksums.txt"
	if out, err := p.run("draft"); err == nil {
		t.Fatalf("without the checksums: %s", out)
	}
	if out, err := p.run("publish"); err == nil {
		t.Fatalf("a draft without the checksums became public: %s", out)
	}
	g.refuse = ""
	p.must("sign", "draft")
	g.wantRelease(t, r, tag, true)
	if g.pushed != 0 {
		t.Error("the tap knows the draft")
	}
	g.tag = "another"
	if out, err := p.run("publish"); err == nil {
		t.Fatalf("the tag was moved: %s", out)
	}
	g.tag = object
	p.must("publish")
	g.wantRelease(t, r, tag, false)
	sign := r.dir + "/checksums.txt.sigstore.json"
	signed, err := os.ReadFile(sign)
	check(t, err)
	p.must("sign", "draft", "publish")
	check(t, os.WriteFile(sign, signed, 0o644))
	g.wantRelease(t, r, tag, false)
	if len(g.problems) > 0 {
		t.Errorf("%q", g.problems)
	}
}

// The cask goes to a tap that is set, of a version for everybody, once; a newer one stays.
func TestReleaseTap(t *testing.T) {
	r := theRelease(t)
	tag, object := theTag(t, r)
	g := newGitHub(t, object)
	stable, _, _ := strings.Cut(tag, "-")
	g.releases = []*ghRelease{{ID: 1, TagName: stable, Assets: []ghAsset{}}}
	p := newReleaser(t, r, g, tag, "")
	if out, err := p.run("cask", "HOMEBREW_TAP_OWNER="); err != nil || !strings.Contains(out, "no tap is set") {
		t.Errorf("without a tap: %v, %s", err, out)
	}
	if out, err := p.run("cask", "RELEASE_TAG=v1.0.0-rc.1"); err != nil || !strings.Contains(out, "stays as it is") {
		t.Errorf("a version to try: %v, %s", err, out)
	}
	if out, err := p.run("cask", "RELEASE_TAG=v1.0.0", "TAP_GITHUB_TOKEN="); err == nil {
		t.Errorf("without a token: %s", out)
	}
	if g.pushed != 0 {
		t.Fatalf("pushed %d times", g.pushed)
	}
	p.tag = stable
	p.must("cask", "cask")
	want, err := os.ReadFile(filepath.Join(r.dir, "homebrew", "Casks", "clawsetup.rb"))
	check(t, err)
	if g.pushed != 1 || !bytes.Equal(g.cask, want) {
		t.Errorf("pushed %d times: %s", g.pushed, g.cask)
	}
	g.cask = []byte("cask \"clawsetup\" do\n  version \"0.0.0\"\nend\n")
	p.tag = "v0.0.1"
	p.must("cask")
	if g.pushed != 2 || !bytes.Equal(g.cask, want) {
		t.Errorf("over an older one: pushed %d times: %s", g.pushed, g.cask)
	}
	g.cask = []byte("cask \"clawsetup\" do\n  version \"99.10.0\"\nend\n")
	if out := p.must("cask"); g.pushed != 2 || !strings.Contains(out, "the newer 99.10.0") {
		t.Errorf("a newer cask was replaced: %s", out)
	}
	if len(g.problems) > 0 {
		t.Errorf("%q", g.problems)
	}
}

// The image is pushed and signed as the workflow does it, and named for the provenance.
func TestReleasePushedImage(t *testing.T) {
	r := theRelease(t)
	registry := os.Getenv("CLAWSETUP_TEST_REGISTRY")
	if registry == "" {
		parttest.Missing(t, "a registry is missing")
	}
	tag, object := theTag(t, r)
	p := newReleaser(t, r, newGitHub(t, object), tag, registry)
	p.must("image")
	check(t, os.Remove(p.output))
	// The tag is there already, of an earlier try: what cannot be pushed now is not signed.
	broken := t.TempDir()
	check(t, os.WriteFile(filepath.Join(broken, "crane"), []byte("#!/bin/sh\ncase $* in 'append '*arm64*) exit 1;; esac\nPATH=$TOOLS exec crane \"$@\"\n"), 0o755))
	tools := os.Getenv("RELEASE_TOOLS")
	if out, err := p.run("image", "RELEASE_TOOLS="+broken+":"+tools, "TOOLS="+tools+":"+os.Getenv("PATH")); err == nil {
		t.Fatalf("an image without a platform was signed: %s", out)
	}
	if b, err := os.ReadFile(p.output); err == nil && len(b) > 0 {
		t.Fatalf("for the next steps, of an image that was not pushed: %s", b)
	}
	p.must("image")
	output, err := os.ReadFile(p.output)
	check(t, err)
	image, digest, ok := strings.Cut(strings.TrimSpace(string(output)), "\ndigest=")
	if image = strings.TrimPrefix(image, "image="); !ok || image != registry+"/clawsetup/clawsetup" {
		t.Fatalf("for the next steps: %q", output)
	}
	must(t, os.Getenv("CLAWSETUP_TEST_COSIGN"), "verify", "--key", *signedWith, "--insecure-ignore-tlog", image+"@"+digest)
	check(t, os.WriteFile(filepath.Join(r.dir, "image-digest"), []byte(digest+"\n"), 0o644))
}

// A tag that nobody made, or whose commit is not of the main branch, is not released.
func TestReleaseTag(t *testing.T) {
	parts, err := filepath.Abs(filepath.Join("..", "..", ".ci", "release-parts"))
	check(t, err)
	dir := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		must(t, append([]string{"git", "-C", dir, "-c", "user.name=a", "-c", "user.email=a@localhost", "-c", "tag.gpgSign=false", "-c", "commit.gpgSign=false"}, args...)...)
	}
	git("init", "-q")
	git("commit", "-q", "--allow-empty", "-m", "one")
	git("tag", "-a", "-m", "", "v0.9.0")
	git("commit", "-q", "--allow-empty", "-m", "two")
	git("update-ref", "refs/remotes/origin/main", "HEAD")
	git("tag", "v1.0.0-light")
	for _, name := range []string{"v1.0.0", "v1.1.0-rc.1", "v1.0", "v1.0.0+build", "1.0.0"} {
		git("tag", "-a", "-m", "", name)
	}
	try := func(tag string) (string, error) {
		c := exec.Command("bash", "-euc", `. "$1"; check_tag "$2"`, "tag", parts, tag)
		c.Dir = dir
		out, err := c.CombinedOutput()
		return string(out), err
	}
	for tag, want := range map[string]string{
		"v1.0.0": "", "v1.1.0-rc.1": "", "v1.0": "no version", "v1.0.0+build": "no version", "1.0.0": "no version",
		"v1.0.0-light": "light tag", "v0.9.0": "is here", "v3.0.0": "light tag",
	} {
		if out, err := try(tag); (err == nil) != (want == "") || !strings.Contains(out, want) {
			t.Errorf("%s: %v, %q, want %q", tag, err, out, want)
		}
	}
	git("update-ref", "refs/remotes/origin/main", "HEAD~")
	if out, err := try("v1.0.0"); err == nil || !strings.Contains(out, "not on origin/main") {
		t.Errorf("beside the main branch: %v, %s", err, out)
	}
}
