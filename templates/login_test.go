package templates

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// awkward are paths that mean something else to systemd, a shell or XML.
var awkward = []string{
	"/usr/local/bin/clawsetup", "/opt/a b/claw setup", "/opt/two  blanks ", "/opt/100%/%h/%%/clawsetup", "/opt/$HOME/${HOME}/$$/$$$/clawsetup",
	"/home/o'brien/clawsetup", `/opt/"x"/clawsetup`, `/opt/back\slash\n/clawsetup`, `/opt/end\`, `/opt/'$x'\%n "$$0"/clawsetup`,
	"/opt/#no;comment/=a=/~/*/clawsetup", "/opt/<b>&amp;]]>/-->/clawsetup", "/opt/ключ/日本/é/\u2028/clawsetup", "/opt/`id`;$(id)/clawsetup",
}

// hosts are values of DOCKER_HOST, most of which no engine has.
var hosts = []string{
	"unix:///run/user/1000/docker.sock", "unix:///tmp/a b.sock", "tcp://%h:2376/%%", "tcp://$HOME/${HOME}/$$", `unix:///a\b"c'd`, "ssh://я@host", `\`, `"`,
}

// directive is one line of a unit file.
type directive struct{ section, name, value string }

// readUnit reads what systemd.syntax calls a unit file.
func readUnit(b []byte) ([]directive, error) {
	var out []directive
	section := ""
	for l := range strings.Lines(string(b)) {
		l, ended := strings.CutSuffix(l, "\n")
		name, value, pair := strings.Cut(l, "=")
		switch {
		case !ended || !utf8.ValidString(l) || strings.ContainsFunc(l, unicode.IsControl) || strings.HasSuffix(l, `\`):
			return nil, fmt.Errorf("line %q", l)
		case l == "", l[0] == '#', l[0] == ';':
		case l[0] == '[' && l[len(l)-1] == ']':
			section = l[1 : len(l)-1]
		case pair && section != "":
			out = append(out, directive{section, name, value})
		default:
			return nil, fmt.Errorf("line %q", l)
		}
	}
	return out, nil
}

// unitWords takes a value apart by the rules of systemd.syntax ("Quoting"), and
// replaces the one specifier that stands for itself; any other is an error.
func unitWords(s string) ([]string, error) {
	var out []string
	for s = strings.TrimLeft(s, " "); s != ""; s = strings.TrimLeft(s, " ") {
		var word strings.Builder
		quote := byte(0)
		i := 0
		for ; i < len(s) && (quote != 0 || s[i] != ' '); i++ {
			switch c := s[i]; {
			case c == '\\' && i+1 < len(s) && strings.IndexByte(`\"'`, s[i+1]) >= 0:
				i++
				word.WriteByte(s[i])
			case c == '\\':
				return nil, fmt.Errorf("unknown escape at %q", s[i:])
			case c == quote:
				quote = 0
			case quote == 0 && (c == '"' || c == '\''):
				quote = c
			default:
				word.WriteByte(c)
			}
		}
		if quote != 0 {
			return nil, fmt.Errorf("no end of %c", quote)
		}
		w := strings.ReplaceAll(word.String(), "%%", "\x00")
		if strings.Contains(w, "%") {
			return nil, fmt.Errorf("a specifier in %q", w)
		}
		out = append(out, strings.ReplaceAll(w, "\x00", "%"))
		s = s[i:]
	}
	return out, nil
}

// startedBy is what systemd executes for the value of ExecStart: a program that it
// accepts, and arguments in which "$" begins a variable (systemd.service: "Command
// lines").
func startedBy(value string) ([]string, error) {
	argv, err := unitWords(value)
	if err != nil {
		return nil, err
	}
	if len(argv) == 0 || !path.IsAbs(argv[0]) || strings.ContainsAny(argv[0], `"'\`) {
		return nil, fmt.Errorf("systemd starts no such program: %q", argv)
	}
	for i, a := range argv[1:] {
		a = strings.ReplaceAll(a, "$$", "\x00")
		if strings.Contains(a, "$") {
			return nil, fmt.Errorf("a variable in %q", a)
		}
		argv[i+1] = strings.ReplaceAll(a, "\x00", "$")
	}
	return argv, nil
}

// intended is the command that l is for: by itself, or as the first parameter of a
// shell's one line.
func intended(l Login) []string {
	if strings.ContainsAny(l.Executable, `"'\`) {
		return []string{"/bin/sh", "-c", `exec "$0" up --plain`, l.Executable}
	}
	return []string{l.Executable, "up", "--plain"}
}

// checkUnit compares a unit with the directives that it has whatever l holds.
func checkUnit(t *testing.T, l Login, b []byte) {
	t.Helper()
	got, err := readUnit(b)
	if err != nil {
		t.Fatalf("%v in:\n%s", err, b)
	}
	want := []directive{
		{"Unit", "Description", "OpenClaw's proxy to cloud.ru (clawsetup)"}, {"Unit", "StartLimitIntervalSec", "600"}, {"Unit", "StartLimitBurst", "20"},
		{"Service", "Type", "oneshot"}, {"Service", "RemainAfterExit", "yes"}, {"Service", "Environment", ""}, {"Service", "ExecStart", ""},
		{"Service", "Restart", "on-failure"}, {"Service", "RestartSec", "15"}, {"Service", "NoNewPrivileges", "yes"}, {"Service", "UMask", "0077"},
	}
	if l.DockerHost == "" {
		want = slices.DeleteFunc(want, func(d directive) bool { return d.name == "Environment" })
	}
	for i, d := range got {
		switch d.name {
		case "Environment":
			// Variables are not expanded there: "the "$" character has no special meaning".
			words, err := unitWords(d.value)
			if err != nil || !slices.Equal(words, []string{"DOCKER_HOST=" + l.DockerHost}) {
				t.Errorf("DOCKER_HOST %q became %q (%v)", l.DockerHost, words, err)
			}
			got[i].value = ""
		case "ExecStart":
			argv, err := startedBy(d.value)
			if err != nil || !slices.Equal(argv, intended(l)) {
				t.Errorf("%q is started as %q (%v)", l.Executable, argv, err)
			}
			got[i].value = ""
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q changed the unit:\n%s", l, b)
	}
}

func TestSystemdUnit(t *testing.T) {
	b, err := SystemdUnit(Login{Executable: "/opt/a b/clawsetup", DockerHost: "unix:///run/user/1000/docker.sock"})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"Type=oneshot\n", `Environment="DOCKER_HOST=unix:///run/user/1000/docker.sock"` + "\n", `ExecStart="/opt/a b/clawsetup" up --plain` + "\n"} {
		if !strings.Contains(string(b), "\n"+line) {
			t.Errorf("no %q in:\n%s", line, b)
		}
	}
	for i, p := range awkward {
		for _, l := range []Login{{Executable: p}, {Executable: p, DockerHost: hosts[i%len(hosts)]}} {
			b, err := SystemdUnit(l)
			if err != nil {
				t.Errorf("%q: %v", l, err)
				continue
			}
			checkUnit(t, l, b)
		}
	}
}

// TestUnitWords keeps the test's own reading of systemd.syntax honest.
func TestUnitWords(t *testing.T) {
	for value, want := range map[string][]string{
		`a b`: {"a", "b"}, `"a b"c 'd "e'`: {"a bc", `d "e`}, `"a\\b\"c"`: {`a\b"c`}, `a%%b`: {"a%b"}, `""`: {""}, ``: nil,
		`"a`: nil, `a%h`: nil, `a\q`: nil,
	} {
		if got, err := unitWords(value); !slices.Equal(got, want) || (err != nil) != (want == nil && value != "") {
			t.Errorf("%s: %q, %v", value, got, err)
		}
	}
	for value, want := range map[string][]string{
		`/a$b c$$d`: {"/a$b", "c$d"}, `/a $x`: nil, `"/a'b"`: nil, `a`: nil, `-/a`: nil, `"/a\\b"`: nil,
	} {
		if got, err := startedBy(value); !slices.Equal(got, want) || (err == nil) == (want == nil) {
			t.Errorf("%s: %q, %v", value, got, err)
		}
	}
}

func TestLoginRefuses(t *testing.T) {
	const fine = "/usr/bin/clawsetup"
	for name, l := range map[string]Login{
		"no program":           {},
		"relative":             {Executable: "clawsetup"},
		"a prefix of systemd":  {Executable: "-/usr/bin/clawsetup"},
		"two lines":            {Executable: fine + "\nExecStartPre=/bin/evil"},
		"carriage return":      {Executable: fine + "\rx"},
		"NUL":                  {Executable: fine + "\x00x"},
		"tab":                  {Executable: fine + "\tx"},
		"escape":               {Executable: fine + "\x1b[2J"},
		"next line":            {Executable: fine + "\u0085x"},
		"not UTF-8":            {Executable: fine + "\xff"},
		"noncharacter":         {Executable: fine + "\ufffe"},
		"host of two lines":    {Executable: fine, DockerHost: "unix:///x\nExecStart=/bin/evil"},
		"host not UTF-8":       {Executable: fine, DockerHost: "\xff"},
		"host with an escape":  {Executable: fine, DockerHost: "\x1b"},
		"host alone is not it": {DockerHost: "unix:///x"},
	} {
		t.Run(name, func(t *testing.T) {
			for system, render := range map[string]func() ([]byte, error){
				"systemd": func() ([]byte, error) { return SystemdUnit(l) },
				"launchd": func() ([]byte, error) { return LaunchAgent(l, "label") },
			} {
				if b, err := render(); b != nil || !errors.Is(err, ErrValue) {
					t.Errorf("%s: %v\n%s", system, err, b)
				} else if strings.ContainsFunc(err.Error(), unicode.IsControl) {
					t.Errorf("%s: the error repeats the value: %q", system, err)
				}
			}
		})
	}
}

func TestSystemdWants(t *testing.T) {
	got, err := readUnit(SystemdWants("clawsetup.service"))
	if want := []directive{{"Unit", "Wants", "clawsetup.service"}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
}

// readPlist turns a property list into maps, lists, strings, numbers and truths. It is
// strict: nothing but what plist.dtd allows in such a file.
func readPlist(b []byte) (any, error) {
	d := xml.NewDecoder(strings.NewReader(string(b)))
	start, err := element(d)
	if err != nil || start == nil || start.Name.Local != "plist" {
		return nil, errors.Join(errors.New("no plist"), err)
	}
	if start, err = element(d); err != nil || start == nil {
		return nil, errors.Join(errors.New("an empty plist"), err)
	}
	v, err := plistValue(d, *start)
	if err != nil {
		return nil, err
	}
	if more, err := element(d); more != nil || err != nil {
		return nil, errors.Join(errors.New("more than one value"), err)
	}
	if more, err := element(d); more != nil || !errors.Is(err, io.EOF) {
		return nil, errors.Join(errors.New("something after the plist"), err)
	}
	return v, nil
}

// element is the next element's start, nil at the end of the one around it.
func element(d *xml.Decoder) (*xml.StartElement, error) {
	for {
		switch token, err := d.Token(); tok := token.(type) {
		case xml.StartElement:
			return &tok, err
		case xml.EndElement:
			return nil, err
		case xml.CharData:
			if strings.TrimSpace(string(tok)) != "" {
				return nil, fmt.Errorf("stray text %q", tok)
			}
		case nil:
			return nil, err
		}
	}
}

func plistValue(d *xml.Decoder, start xml.StartElement) (any, error) {
	var text string
	switch start.Name.Local {
	case "string", "integer", "key":
		if err := d.DecodeElement(&text, &start); err != nil {
			return nil, err
		}
		if start.Name.Local == "integer" {
			return strconv.Atoi(text)
		}
		return text, nil
	case "true", "false":
		return start.Name.Local == "true", d.Skip()
	case "array":
		var out []any
		for {
			e, err := element(d)
			if e == nil || err != nil {
				return out, err
			}
			v, err := plistValue(d, *e)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
	case "dict":
		return plistDict(d)
	default:
		return nil, fmt.Errorf("unknown element %s", start.Name.Local)
	}
}

func plistDict(d *xml.Decoder) (any, error) {
	out := map[string]any{}
	for {
		k, err := element(d)
		if k == nil || err != nil {
			return out, err
		}
		key, err := plistValue(d, *k)
		if err != nil || k.Name.Local != "key" {
			return nil, errors.Join(errors.New(k.Name.Local+" in the place of a key"), err)
		}
		e, err := element(d)
		if e == nil || err != nil {
			return nil, errors.Join(fmt.Errorf("no value of %q", key), err)
		}
		if _, twice := out[key.(string)]; twice {
			return nil, fmt.Errorf("%q is there twice", key)
		}
		if out[key.(string)], err = plistValue(d, *e); err != nil {
			return nil, err
		}
	}
}

// checkAgent compares a property list with what it holds for l and label.
func checkAgent(t *testing.T, l Login, label string, b []byte) {
	t.Helper()
	got, err := readPlist(b)
	if err != nil {
		t.Fatalf("%v in:\n%s", err, b)
	}
	environment := map[string]any{"PATH": "/usr/local/bin:/opt/homebrew/bin:/usr/bin:/bin:/usr/sbin:/sbin"}
	if l.DockerHost != "" {
		environment["DOCKER_HOST"] = l.DockerHost
	}
	want := map[string]any{
		"Label": label, "ProgramArguments": []any{l.Executable, "up", "--plain"}, "EnvironmentVariables": environment,
		"RunAtLoad": true, "KeepAlive": map[string]any{"SuccessfulExit": false}, "ThrottleInterval": 30,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q\n%s", got, want, b)
	}
}

func TestLaunchAgent(t *testing.T) {
	const label = "io.github.clawsetup.up"
	for i, p := range awkward {
		for _, l := range []Login{{Executable: p}, {Executable: p, DockerHost: hosts[i%len(hosts)]}} {
			b, err := LaunchAgent(l, label)
			if err != nil {
				t.Errorf("%q: %v", l, err)
				continue
			}
			checkAgent(t, l, label, b)
		}
	}
	b, err := LaunchAgent(Login{Executable: "/usr/bin/clawsetup"}, "a<b>&\n")
	if err != nil {
		t.Fatal(err)
	}
	checkAgent(t, Login{Executable: "/usr/bin/clawsetup"}, "a<b>&\n", b)
	if !strings.Contains(string(b), "<!DOCTYPE plist PUBLIC ") || !strings.HasPrefix(string(b), `<?xml version="1.0" encoding="UTF-8"?>`) {
		t.Errorf("not as launchd wants it:\n%s", b)
	}
}

// FuzzLogin: whatever a path or a host holds, it stays one word of the unit and one
// string of the property list, and neither gets another line, directive or element.
func FuzzLogin(f *testing.F) {
	for i, p := range awkward {
		f.Add(p, hosts[i%len(hosts)])
	}
	f.Add("/a\nExecStartPre=/bin/evil", "x\n[Install]")
	f.Add(`/a" "; /bin/evil ;"`, `" "LD_PRELOAD=/evil`)
	f.Add("/a</string><string>--evil", "</string></dict><key>Program</key>")
	f.Add("/a\\", "\\")
	f.Add("/\xff", "\ufffe")
	f.Fuzz(func(t *testing.T, executable, host string) {
		l := Login{Executable: executable, DockerHost: host}
		unit, unitErr := SystemdUnit(l)
		agent, agentErr := LaunchAgent(l, "label")
		if (unitErr == nil) != (agentErr == nil) {
			t.Fatalf("refused by one alone: %v, %v", unitErr, agentErr)
		}
		if unitErr != nil {
			if !errors.Is(unitErr, ErrValue) || !errors.Is(agentErr, ErrValue) || unit != nil || agent != nil {
				t.Fatalf("%v, %v", unitErr, agentErr)
			}
			return
		}
		checkUnit(t, l, unit)
		checkAgent(t, l, "label", agent)
	})
}
