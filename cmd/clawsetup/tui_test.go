//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/clawsetup/clawsetup/ui/ptytest"
)

// cmdTUI runs a command on a terminal and plays a file to it, a line at a time:
//
//	tui COLSxROWS FILE CMD ARGS...
//
// "expect TEXT" waits for TEXT on the screen, "type TEXT" sends it (Go escapes,
// $KEY, $KEY2, $PORT and $IMAGE are replaced), "enter" sends Enter, "resize COLSxROWS" changes the
// window, "never TEXT" fails if TEXT was ever drawn.
func cmdTUI(ts *testscript.TestScript, neg bool, args []string) {
	var w, h int
	_, err := fmt.Sscanf(args[0], "%dx%d", &w, &h)
	ts.Check(err)
	path, err := exec.LookPath(args[2])
	ts.Check(err)
	cmd := exec.Command(path, expandFull(ts, args[3:])...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(scriptEnv(ts), "TERM=xterm-256color", "CI=1")
	t, err := ptytest.Start(cmd, w, h)
	ts.Check(err)
	for n, line := range strings.Split(strings.TrimSpace(ts.ReadFile(args[1])), "\n") {
		if err := play(ts, t, line); err != nil {
			_ = t.Cmd.Process.Kill()
			ts.Fatalf("%s:%d: %v", args[1], n+1, err)
		}
	}
	code, err := t.Wait()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("screen"), []byte(t.Screen()), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("raw"), []byte(t.Raw()), 0o600))
	ts.Logf("[exit %d]\n%s", code, t.Screen())
	if (code != 0) != neg {
		ts.Fatalf("exit code %d", code)
	}
}

func play(ts *testscript.TestScript, t *ptytest.Term, line string) error {
	verb, arg, _ := strings.Cut(line, " ")
	for _, name := range []string{"KEY2", "KEY", "PORT", "IMAGE"} {
		arg = strings.ReplaceAll(arg, "$"+name, ts.Getenv(name))
	}
	switch verb {
	case "expect":
		return t.Expect(arg)
	case "type":
		s, err := strconv.Unquote(`"` + arg + `"`)
		if err != nil {
			return err
		}
		return t.Type(s)
	case "enter":
		return t.Type("\r")
	case "resize":
		var w, h int
		if _, err := fmt.Sscanf(arg, "%dx%d", &w, &h); err != nil {
			return err
		}
		return t.Resize(w, h)
	case "never":
		if strings.Contains(t.Raw(), arg) {
			return fmt.Errorf("%q was drawn", arg)
		}
	case "":
	default:
		return fmt.Errorf("unknown verb %q", verb)
	}
	return nil
}
