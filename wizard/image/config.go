package image

import (
	"encoding/json"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/clawsetup/clawsetup/wizard/text"
)

const (
	maxWords     = 128
	maxWord      = 8 << 10
	maxEnv       = 512
	maxPathValue = 4 << 10
)

var (
	// User names as useradd and adduser make them; ids up to ten digits.
	reUser = text.Pattern(`^(?:[A-Za-z_][A-Za-z0-9_.-]{0,63}\$?|[0-9]{1,10})?(?::(?:[A-Za-z_][A-Za-z0-9_.-]{0,63}\$?|[0-9]{1,10}))?$`)
	rePort = text.Pattern(`^[0-9]{1,5}(?:-[0-9]{1,5})?(?:/(?:tcp|udp|sctp))?$`)
	reArch = text.Pattern(`^[a-z0-9][a-z0-9_.-]{0,31}$`)
)

// configFile is the part of the image configuration that decides how the
// container runs (OCI image-spec, config.md).
type configFile struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant"`
	Created      string `json:"created"`
	Config       struct {
		User         string              `json:"User"`
		Entrypoint   []string            `json:"Entrypoint"`
		Cmd          []string            `json:"Cmd"`
		WorkingDir   string              `json:"WorkingDir"`
		Env          []string            `json:"Env"`
		ExposedPorts map[string]struct{} `json:"ExposedPorts"`
	} `json:"config"`
}

// applyConfig fills img from the verified configuration blob. What will go into
// a compose file or onto a screen must be plain text; an image that hides
// control characters there is refused, not repaired.
func (s *session) applyConfig(img *Image, raw []byte) error {
	const what = "image configuration"
	var c configFile
	if err := json.Unmarshal(raw, &c); err != nil {
		return s.content(what, "it is malformed: %v", err)
	}
	if !reArch().MatchString(c.OS) || !reArch().MatchString(c.Architecture) || (c.Variant != "" && !reArch().MatchString(c.Variant)) {
		return s.content(what, "%q is not a platform", text.Clean(c.OS+"/"+c.Architecture+"/"+c.Variant, 80))
	}
	if !reUser().MatchString(c.Config.User) {
		return s.content(what, "the user %q is neither a name nor an id", text.Clean(c.Config.User, 80))
	}
	for _, f := range []struct {
		name  string
		words []string
	}{{"Entrypoint", c.Config.Entrypoint}, {"Cmd", c.Config.Cmd}, {"WorkingDir", []string{c.Config.WorkingDir}}} {
		if bad, ok := plain(f.words); !ok {
			return s.content(what, "%s holds %q: hidden characters or too much text", f.name, text.Clean(bad, 80))
		}
	}
	if !environmentPlain(c.Config.Env) {
		return s.content(what, "its environment has hidden characters, a nameless variable or too many of them")
	}
	if !portsPlain(c.Config.ExposedPorts) {
		return s.content(what, "an exposed port is malformed")
	}
	img.OS, img.Architecture, img.Variant = c.OS, c.Architecture, c.Variant
	img.User, img.WorkingDir = c.Config.User, c.Config.WorkingDir
	img.Entrypoint, img.Cmd = c.Config.Entrypoint, c.Config.Cmd
	// The date is for the reader alone; one that cannot be read is no date.
	if t, err := time.Parse(time.RFC3339Nano, c.Created); err == nil {
		img.Created = t.UTC()
	}
	return nil
}

// plain returns the first word that is not plain text of bounded length.
func plain(words []string) (bad string, ok bool) {
	if len(words) > maxWords {
		return words[maxWords], false
	}
	for _, w := range words {
		if len(w) > maxWord || !printable(w) {
			return w, false
		}
	}
	return "", true
}

// printable refuses control, bidirectional and other invisible characters, and
// the replacement character that stands for bytes that were not UTF-8.
func printable(s string) bool {
	for _, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

// environmentPlain looks at the names of variables and at the value of PATH. Nothing
// of it is kept: images are known to carry secrets there.
func environmentPlain(env []string) bool {
	if len(env) > maxEnv {
		return false
	}
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		if name == "" || len(name) > 256 || !printable(name) {
			return false
		}
		if name == "PATH" && (len(value) > maxPathValue || !printable(value)) {
			return false
		}
	}
	return true
}

func portsPlain(ports map[string]struct{}) bool {
	if len(ports) > maxWords {
		return false
	}
	for p := range ports {
		if !rePort().MatchString(p) {
			return false
		}
	}
	return true
}
