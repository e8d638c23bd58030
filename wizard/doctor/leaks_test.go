//go:build unix

package doctor

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/parttest"
)

// file writes a file of the operator's alone.
func file(name, content string) func(*scene) {
	return func(s *scene) { s.write(name, content, 0o600) }
}

// runsWith starts a process.
func runsWith(args []string, env ...string) func(*scene) {
	return func(s *scene) { s.process(700, 1, "/usr/bin/program", args, env...) }
}

// holds gives the store of secrets other values; an empty one takes the secret away.
func holds(name, value string) func(*scene) {
	return func(s *scene) {
		before := s.Made.Secrets
		s.Made.Secrets = func(ctx context.Context) (map[string]secrets.Secret, error) {
			values, err := before(ctx)
			values[name] = secrets.New([]byte(value))
			return values, err
		}
	}
}

func aged(days int) func(*scene) {
	return func(s *scene) { s.Made.KeyAdded = sceneTime.AddDate(0, 0, -days) }
}

// dockerStore makes the scene one with the docker store.
func dockerStore(s *scene) {
	s.Made.Store = secrets.KindDocker
	s.write(".config/clawsetup/secrets/cloudru_api_key", sceneKey, 0o444)
	s.write(".config/clawsetup/secrets/proxy_token", sceneToken, 0o444)
}

func inMemory(s *scene) {
	s.write("proc/self/mountinfo", "22 27 0:21 / / rw,relatime - ext4 /dev/sda rw\n23 22 0:22 / "+resolvedPath(s.path("run"))+" rw shared:1 - tmpfs tmpfs rw\n", 0o600)
	s.write("run/clawsetup/cloudru_api_key", sceneKey, 0o444)
}

// index is one of git in version 2 that tracks names.
func index(names ...string) string {
	b := append([]byte("DIRC"), 0, 0, 0, 2)
	b = binary.BigEndian.AppendUint32(b, uint32(len(names)))
	for _, name := range names {
		entry := append(make([]byte, 62), name...)
		b = append(b, append(entry, make([]byte, 8-len(entry)%8)...)...)
	}
	return string(append(b, make([]byte, 20)...))
}

// inGit makes the folder of the set-up part of a repository that ignores so much.
func inGit(s *scene, ignore string) {
	s.write(".config/.git/index", index("README.md"), 0o600)
	s.write(".config/.gitignore", ignore, 0o600)
}

func tracks(names ...string) func(*scene) { return file("work/.git/index", index(names...)) }

var leakPairs = map[string]pair{
	"key-in-processes": {bad: map[string]func(*scene){
		"key":       runsWith(nil, "A=b", "CLOUDRU_API_KEY="+sceneKey),
		"token":     runsWith(nil, "INNOCENT="+sceneToken),
		"in an URL": runsWith(nil, "PROXY=http://me:"+sceneToken+"@127.0.0.1"),
		"elsewhere": func(s *scene) {
			runsWith(nil, "A="+sceneKey)(s)
			s.write("proc/700/cgroup", "0::/docker/another\n", 0o600)
		},
		"look-alike": func(s *scene) { runsWith(nil, "A="+sceneKey)(s); s.write("proc/700/cgroup", "0::/myproxy\n", 0o600) },
	}},
	"key-in-arguments": {bad: map[string]func(*scene){
		"key":      runsWith([]string{"--key=" + sceneKey}),
		"variable": runsWith([]string{"OPENAI_API_KEY=q8w7e6r5t4y3u2i1", "run"}),
		"header":   runsWith([]string{"-H", "Authorization: Bearer abcdefghijklmnop1234567890"}),
		"token":    runsWith([]string{sceneToken}),
	}},
	"key-in-history": {good: file(".bash_history", "ls\nexport CLOUDRU_API_KEY=$(pass show key)\necho $ANTHROPIC_API_KEY something\n"), bad: map[string]func(*scene){
		"bash":     file(".bash_history", "ls\nexport CLOUDRU_API_KEY='q8w7e6r5t4y3u2i1'\n"),
		"zsh":      file(".zsh_history", ": 1700000000:0;curl -H 'x-api-key: abcdefghijklmnop1234567890' localhost\n"),
		"fish":     file(".local/share/fish/fish_history", "- cmd: set -gx ANTHROPIC_API_KEY q8w7e6r5t4y3u2i1\n"),
		"value":    file(".zsh_history", "echo "+sceneKey+"\n"),
		"HISTFILE": func(s *scene) { s.env["HISTFILE"] = s.write("hidden/history", "echo "+sceneToken+"\n", 0o600) },
	}},
	"key-in-profile": {good: file(".bashrc", "alias ll='ls -l'\nexport OPENAI_API_KEY=\"$(cat key)\"\nANTHROPIC_API_KEY=your-api-key\n"), bad: map[string]func(*scene){
		"bashrc":      file(".bashrc", "  export OPENAI_API_KEY=\"q8w7e6r5t4y3u2i1\"\n"),
		"environment": file(".config/environment.d/90-x.conf", "ANTHROPIC_AUTH_TOKEN=q8w7e6r5t4y3u2i1\n"),
		"fish":        file(".config/fish/config.fish", "set -x CLOUDRU_API_KEY q8w7e6r5t4y3u2i1\n"),
		"aliases":     file(".bash_aliases", "alias c='ANTHROPIC_API_KEY=q8w7e6r5t4y3u2i1 claude'\n"),
		"a service":   file(".config/systemd/user/openclaw-gateway.service", "[Service]\nEnvironment=\"CLOUDRU_API_KEY=q8w7e6r5t4y3u2i1\"\n"),
		"dropped in":  file(".config/systemd/user/openclaw-gateway.service.d/override.conf", "[Service]\nEnvironment=X="+sceneKey+"\n"),
		"fish folder": file(".config/fish/conf.d/keys.fish", "set -Ux OPENAI_API_KEY q8w7e6r5t4y3u2i1\n"),
		"another's":   file(".zshrc", "K=sk-ant-api03-abcdefghijklmnopqrstuvwx\n"),
		"value":       file(".profile", "X="+sceneToken+"\n"),
	}},
	"key-in-dotenv": {good: file("work/.env", "MODE=test\nOPENAI_API_KEY=${OTHER}\n"), bad: map[string]func(*scene){
		"work":     file("work/.env", "OPENAI_API_KEY=q8w7e6r5t4y3u2i1\n"),
		"openclaw": file(".openclaw/.env", "HARMLESS="+sceneKey+"\n"),
		"a copy":   file(".config/clawsetup/.env.bak", "X="+sceneToken+"\n"),
		"editor's": file("work/.env~", "ANTHROPIC_AUTH_TOKEN=q8w7e6r5t4y3u2i1\n"),
		"local":    file("work/.env.local", "export ANTHROPIC_API_KEY: 'q8w7e6r5t4y3u2i1'\n"),
	}},
	"key-in-git": {good: tracks("README.md"), bad: map[string]func(*scene){
		"a secret":      tracks("README.md", "deploy/secrets/cloudru_api_key"),
		"a private key": tracks("server.key"),
		"a .env": func(s *scene) {
			s.write("work/app/.env", "CLOUDRU_API_KEY=q8w7e6r5t4y3u2i1\n", 0o600)
			tracks("app/.env")(s)
		},
		"compose": func(s *scene) {
			s.write("work/deploy/compose.prod.yaml", "environment:\n  OPENAI_API_KEY: q8w7e6r5t4y3u2i1\n", 0o600)
			tracks("README.md", "deploy/compose.prod.yaml")(s)
		},
		"a rule": func(s *scene) {
			s.write("work/sub/.claude/settings.local.json", `{"permissions": {"allow": ["Bash(echo `+sceneToken+`)"]}}`, 0o600)
			tracks("sub/.claude/settings.local.json")(s)
		},
		"the store": file(".config/.git/index", index("clawsetup/secrets/anything")),
		"gitdir elsewhere": func(s *scene) {
			s.must(os.RemoveAll(s.path("work/.git")))
			s.write("work/.git", "gitdir: ../real\n", 0o600)
			s.write("real/index", index("proxy_token"), 0o600)
		},
	}},
	"key-in-settings": {with: []string{"claude-settings-ours"}, bad: map[string]func(*scene){
		"user":         settingsOf(userSettings, `{"env": {"ANTHROPIC_AUTH_TOKEN": "q8w7e6r5t4y3u2i1"}}`),
		"escaped":      settingsOf(projectSettings, `{"env": {"\u0041NTHROPIC_API_KEY": "q8w7e6r5t4y3u2i1"}}`),
		"a rule":       settingsOf(localSettings, `{"permissions": {"allow": ["Bash(curl -H 'Authorization: Bearer abcdefghijklmnop1234567890' localhost:*)"]}}`),
		"the value":    settingsOf(managedMain, `{"companyAnnouncements": ["`+sceneKey+`"]}`),
		"a word":       settingsOf(userSettings, `{"env": {"ANTHROPIC_AUTH_TOKEN": "cloudru-proxy-key"}}`),
		"an address":   settingsOf(userSettings, `{"env": {"MY_SERVICE": "https://me:q8w7e6r5t4y3u2i1@example.org"}}`),
		"another's":    settingsOf(userSettings, `{"env": {"GITHUB_TOKEN": "ghp_0123456789abcdefghijklmnop"}}`),
		"our helper's": own(`"apiKeyHelper": "`, `"apiKeyHelper": "'/bin/echo' '`+sceneToken+`' `),
	}},
	"secrets-ignored": {good: func(s *scene) { dockerStore(s); inGit(s, "/clawsetup/secrets/\n") }, bad: map[string]func(*scene){
		"no rule":       func(s *scene) { inGit(s, "# nothing\n") },
		"another place": func(s *scene) { inGit(s, "/secrets/\n") },
		"taken out":     func(s *scene) { inGit(s, "secrets\n!clawsetup/secrets/\n") },
		"files alone":   func(s *scene) { inGit(s, "*.key\n") },
	}},
	"secret-files-modes": {good: dockerStore, bad: map[string]func(*scene){
		"the folder": func(s *scene) { s.must(os.Chmod(s.path(".config/clawsetup/secrets"), 0o755)) },
		"a copy":     file(".config/clawsetup/secrets/cloudru_api_key.bak", "x"),
		"writable":   func(s *scene) { s.must(os.Chmod(s.path(".config/clawsetup/secrets/proxy_token"), 0o466)) },
		"a link":     func(s *scene) { s.must(os.Symlink("/etc/passwd", s.path(".config/clawsetup/secrets/gateway_token"))) },
	}},
	"secrets-left-over": {bad: map[string]func(*scene){
		"a key":  file(".config/clawsetup/secrets/cloudru_api_key", "x"),
		"a copy": file(".config/clawsetup/secrets/.old", "x"),
	}},
	"runtime-secrets": {good: inMemory, bad: map[string]func(*scene){
		"a disk": func(s *scene) { s.replace(s.path("proc/self/mountinfo"), "tmpfs tmpfs", "ext4 /dev/sdb") },
		"over it": func(s *scene) {
			s.write("proc/self/mountinfo", s.text(s.path("proc/self/mountinfo"))+"24 23 0:23 / "+resolvedPath(s.path("run"))+" rw - ext4 /dev/sdb rw\n", 0o600)
		},
		"writable": func(s *scene) { s.must(os.Chmod(s.path("run/clawsetup/cloudru_api_key"), 0o446)) },
	}},
	"secret-store": {bad: map[string]func(*scene){"no key": holds(secrets.APIKey, ""), "no token": func(s *scene) {
		s.Made.Secrets = func(context.Context) (map[string]secrets.Secret, error) {
			return map[string]secrets.Secret{secrets.APIKey: secrets.New([]byte(sceneKey))}, nil
		}
	}}},
	"proxy-token-strength": {bad: map[string]func(*scene){
		"placeholder": holds(secrets.ProxyToken, "changeme"), "short": holds(secrets.ProxyToken, "q8w7e6r5t4y3u2i1"),
		"another's": holds(secrets.ProxyToken, "sk-0123456789abcdefghijklmnopqrstuvwxyz"), "almost": holds(secrets.ProxyToken, sceneToken+"0"),
	}},
	"key-age":   {bad: map[string]func(*scene){"90": aged(90), "180": aged(180), "365": aged(365), "ten years": aged(3650)}},
	"key-label": {bad: map[string]func(*scene){"none": func(s *scene) { s.Made.KeyLabel = "" }}},
}

// The processes of our own containers have to have the key.
func TestOwnContainersHaveTheKey(t *testing.T) {
	for _, group := range []string{"/docker/proxy", "/system.slice/docker-proxy.scope", "/user.slice/libpod-proxy.scope/container"} {
		r := examined(t, func(s *scene) {
			runsWith(nil, "CLOUDRU_API_KEY="+sceneKey)(s)
			s.write("proc/700/cgroup", "0::"+group+"\n", 0o600)
		})["key-in-processes"]
		if r.Outcome != OK {
			t.Errorf("%s: it is %s: %+v", group, r.Outcome, r.Findings)
		}
	}
}

func TestKeysByHand(t *testing.T) {
	for env, want := range map[string]Outcome{"OPENAI_API_KEY=q8w7e6r5t4y3u2i1": Found, "OPENAI_API_KEY=": OK, "OTHER=x": OK} {
		if got := examined(t, func(s *scene) { byHand(s); runsWith(nil, env)(s) })["key-in-processes"]; got.Outcome != want {
			t.Errorf("%s: it is %s: %+v", env, got.Outcome, got.Findings)
		}
	}
}

func TestKeyAgeSeverity(t *testing.T) {
	for days, want := range map[int]Severity{90: Low, 179: Low, 180: Medium, 365: High} {
		if got := examined(t, aged(days))["key-age"]; got.Severity() != want {
			t.Errorf("%d days are %s", days, got.Severity())
		}
	}
}

// What a hostile host puts in the way ends soon, and is never OK.
func TestHostileFiles(t *testing.T) {
	begin := time.Now()
	r := examined(t, func(s *scene) {
		s.write(".bash_history", "", 0o600)
		s.must(os.Truncate(s.path(".bash_history"), 1<<30))
		s.must(syscall.Mkfifo(s.path(".bashrc"), 0o600))
		s.must(os.Symlink(s.path("work/.env"), s.path("work/.env")))
		s.write("work/.git/index", "DIRC\x00\x00\x00\x04\xff\xff\xff\xff", 0o600)
		s.Made.Secrets = func(context.Context) (map[string]secrets.Secret, error) { return nil, errors.New("locked") }
	})
	for _, id := range []string{"key-in-history", "key-in-profile", "key-in-dotenv", "key-in-git", "key-in-processes", "secret-store", "proxy-token-strength"} {
		if r[id].Outcome != NotChecked {
			t.Errorf("%s is %s: %+v", id, r[id].Outcome, r[id].Findings)
		}
	}
	if took := time.Since(begin); took > soon {
		t.Errorf("it took %s", took)
	}
}

// A repository of files that may all hold keys is not read to its end.
func TestManyTracked(t *testing.T) {
	var names []string
	for i := range 100_000 {
		names = append(names, time.Duration(i).String()+"/.env")
	}
	r := examined(t, tracks(names...))["key-in-git"]
	if r.Outcome != NotChecked {
		t.Errorf("it is %s: %+v", r.Outcome, r.Findings)
	}
}

func TestHistoryLine(t *testing.T) {
	r := examined(t, file(".bash_history", "a\nb\necho "+sceneKey+"\n"))["key-in-history"]
	if len(r.Findings) != 1 || r.Findings[0].Where.Line != 3 {
		t.Errorf("%+v", r.Findings)
	}
}

func TestParseIndexVersions(t *testing.T) {
	entry := func(rest string) string { return strings.Repeat("\x00", 62) + rest }
	four := "DIRC\x00\x00\x00\x04\x00\x00\x00\x02" + entry("\x00dir/one\x00") + entry("\x03two\x00") + strings.Repeat("\x00", 20)
	if got, err := parseIndex([]byte(four)); err != nil || strings.Join(got, " ") != "dir/one dir/two" {
		t.Errorf("version 4: %q, %v", got, err)
	}
	if got, err := parseIndex([]byte(index("a", "bc/1234567", strings.Repeat("x", 200)))); err != nil || len(got) != 3 {
		t.Errorf("version 2: %q, %v", got, err)
	}
}

func FuzzParseIndex(f *testing.F) {
	f.Add([]byte(index("a", "b/c")))
	f.Add([]byte("DIRC\x00\x00\x00\x04\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		names, _ := parseIndex(b)
		for _, name := range names {
			if name == "" || len(name) > longestName {
				t.Errorf("a name of %d bytes", len(name))
			}
		}
	})
}

// Every answer is the one that git itself gives.
func TestIgnoredAsGitSays(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		parttest.Missing(t, "there is no git")
	}
	dir := t.TempDir()
	run := func(args ...string) error {
		c := exec.Command(git, append([]string{"-C", dir, "-c", "core.excludesFile="}, args...)...)
		c.Env = []string{"HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1", "PATH=" + os.Getenv("PATH")}
		return c.Run()
	}
	if err := run("init", "-q"); err != nil {
		t.Fatal(err)
	}
	h := &Host{Home: dir, Disk: &files.Disk{}}
	for _, rules := range []string{
		"", "secrets", "secrets/", "/secrets", "a/secrets", "/a/b/secrets/", "**/secrets", "a/**/secrets", "a/**", "**", "*", "*\n!a\n!a/b\n!a/b/secrets\n!a/b/secrets/*",
		"a/*/secrets", "a/*", "b", "b/", "/b", "sec*", "sec??ts", "sec[qr]ets", "sec[!q]ets", "sec[!r]ets", "!secrets", "secrets\n!secrets", "secrets/*", "a/b/secrets/**",
		"secrets   ", "\\secrets", "#secrets", "\\!secrets", "a/b\n!a/b/secrets", "*.key", "**/b/**", "cloudru_api_key", "SECRETS", "[", "a//secrets", "/", "!", "s**s", "a/b/", "sec[a-z]ets",
	} {
		if err := os.MkdirAll(filepath.Join(dir, "a", "b", "secrets"), 0o700); err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string]string{".gitignore": rules + "\n", "a/b/secrets/cloudru_api_key": "x"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		h.reads = nil
		got, err := h.ignores(dir, filepath.Join(dir, "a", "b", "secrets"))
		if want := run("check-ignore", "-q", "a/b/secrets/cloudru_api_key") == nil; got != want || err != nil {
			t.Errorf("%q: %t, %v; git says %t", rules, got, err, want)
		}
	}
}

func FuzzIgnore(f *testing.F) {
	f.Add("!/a/**/[!b]?*/", "a/c/d")
	f.Fuzz(func(_ *testing.T, line, path string) {
		if rule, ok := parseIgnore(line); ok {
			_ = rule.pattern.MatchString(path)
		}
	})
}

func FuzzNeedles(f *testing.F) {
	f.Add([]byte("export CLOUDRU_API_KEY=q8w7e6r5t4y3u2i1"))
	f.Fuzz(func(t *testing.T, line []byte) {
		n := &needles{values: []needle{{"x", []byte("0123456789")}}}
		if kind, _ := n.find(line); strings.Contains(kind, "0123456789") {
			t.Error("it tells the value")
		}
	})
}

func FuzzMountKind(f *testing.F) {
	f.Add([]byte("23 22 0:22 / /a\\040b rw shared:1 - tmpfs tmpfs rw\n"))
	f.Fuzz(func(_ *testing.T, b []byte) { _ = mountKind(b, filepath.Clean("/a b")) })
}

// A repository is found from the folder that somebody works in, which may be another name
// of the one with the set-up.
func TestTrackedStoreOfAHomeBehindALink(t *testing.T) {
	r := examined(t, func(s *scene) {
		behindLink(s)
		s.write(".config/.git/index", index("clawsetup/secrets/anything"), 0o600)
		s.Made.ConfigDir, s.Work = s.path(".config/clawsetup"), s.path(".config/clawsetup")
	})["key-in-git"]
	if r.Outcome != Found {
		t.Errorf("it is %s: %+v", r.Outcome, r.Findings)
	}
}
