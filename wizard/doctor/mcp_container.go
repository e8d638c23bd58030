package doctor

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/compose"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// opening are options of a container engine that let a container out: as a whole word, or
// with these values.
var opening = map[string]func() *regexp.Regexp{
	"--privileged": nil, "--use-api-socket": nil, "--cap-add": nil, "--device": nil, "--pid": text.Pattern(`^host$`), "--ipc": text.Pattern(`^host$`),
	"--network": text.Pattern(`^host$`), "--net": text.Pattern(`^host$`), "--userns": text.Pattern(`^host$`), "--uts": text.Pattern(`^host$`),
	"--security-opt": text.Pattern(`unconfined|disable`),
}

// hostFolder matches folders that are root's, or everybody's.
var hostFolder = text.Pattern(`^/(?:etc|root|proc|sys|dev|boot|usr|home|var/lib)$`)

// drive matches what a path of Windows begins with.
var drive = text.Pattern(`^[A-Za-z]:[/\\]`)

// letsIn tells whether an option mounts the whole host, what is root's or a container
// engine's socket.
func (o engineOption) letsIn() bool {
	var source, target string
	switch o.name {
	case "-v", "--volume":
		source, target, _ = strings.Cut(drive().ReplaceAllString(o.value, "/"), ":")
		target, _, _ = strings.Cut(target, ":")
	case "--mount":
		for field := range strings.SplitSeq(o.value, ",") {
			switch key, value, _ := strings.Cut(field, "="); strings.ToLower(key) {
			case "src", "source":
				source = drive().ReplaceAllString(value, "/")
			case "dst", "destination", "target":
				target = value
			}
		}
	}
	return source != "" && (compose.ReachesEngine(source) || hostFolder().MatchString(path.Clean(source))) || strings.HasSuffix(target, ".sock")
}

// privileged: what runs as root, or in a container that is none, holds the host.
func privileged(a *answer, s server) {
	name := program(s.command)
	if slices.Contains(raising, name) {
		a.found(s.at("command"), "server %s is run with the rights of somebody else", s.name)
		return
	}
	if !slices.Contains(containerEngines, name) {
		return
	}
	options, _ := s.container()
	for _, o := range options {
		opens, known := opening[o.name]
		if known && (opens == nil && o.value != "false" || opens != nil && opens().MatchString(o.value)) || o.letsIn() {
			a.found(s.at("args"), "server %s: its container is let out by %s", s.name, o.name)
		}
	}
}

var containerEngines = []string{"docker", "podman", "nerdctl"}

type engineOption struct{ name, value string }

// alone are the options of a container engine's run that take no value: letters, and
// words. Any other is taken to have one.
const (
	aloneLetters = "ditPq"
	aloneWords   = " --detach --interactive --tty --rm --init --privileged --read-only --publish-all --no-healthcheck --oom-kill-disable --sig-proxy --disable-content-trust --quiet " +
		"--use-api-socket --replace --rmi --no-hosts --no-hostname --tls-verify --http-proxy --env-host --passwd --read-only-tmpfs --rootfs --unsetenv-all "
)

// container are the options that a container engine is given, and the image that it runs:
// what stands behind that belongs to the program in it. Without an image, or with another
// command than run, they are all that look like one.
func (s server) container() (options []engineOption, image string) {
	runs := slices.Index(s.args, "run")
	for i := 0; i < len(s.args); i++ {
		arg := s.args[i]
		name, value, joined := strings.Cut(arg, "=")
		switch {
		case !strings.HasPrefix(arg, "-"):
			if runs >= 0 && i > runs && arg != "run" {
				return options, arg
			}
			continue
		case arg == "--" && runs >= 0 && i > runs: // the image follows
			return options, strings.Join(s.args[i+1:min(i+2, len(s.args))], "")
		case !strings.HasPrefix(arg, "--"):
			name, value, joined = shortOption(arg)
		case strings.Contains(aloneWords, " "+name+" "):
			joined = true
		}
		if !joined && i+1 < len(s.args) {
			i++
			value = s.args[i]
		}
		options = append(options, engineOption{name, value})
	}
	return options, ""
}

// shortOption reads a word of letters: the last of them, and what is joined to it.
func shortOption(word string) (name, value string, joined bool) {
	for i, c := range word[1:] {
		if !strings.ContainsRune(aloneLetters, c) {
			value = strings.TrimPrefix(word[i+2:], "=")
			return "-" + string(c), value, value != ""
		}
	}
	return word, "", true
}
