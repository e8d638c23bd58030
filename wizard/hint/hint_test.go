package hint_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/clawsetup/clawsetup/wizard/hint"
)

func TestWith(t *testing.T) {
	base := errors.New("port 8082 is taken")
	inner := hint.With(base, "port-free", 8082)
	outer := hint.With(fmt.Errorf("planning: %w", inner), "run-init")
	if !errors.Is(outer, base) {
		t.Fatal("the chain is broken")
	}
	if outer.Error() != "planning: port 8082 is taken" {
		t.Fatalf("the text changed: %q", outer)
	}
	if h, ok := hint.Of(outer); !ok || h.ID != "run-init" {
		t.Fatalf("outermost hint: %v %v", h, ok)
	}
	if h, ok := hint.Of(fmt.Errorf("x: %w", inner)); !ok || h.ID != "port-free" || h.Args[0] != 8082 {
		t.Fatalf("wrapped hint: %v %v", h, ok)
	}
	if _, ok := hint.Of(base); ok {
		t.Fatal("a hint from nowhere")
	}
	if hint.With(nil, "x") != nil {
		t.Fatal("nil became an error")
	}
}

func TestSay(t *testing.T) {
	base := errors.New("no such date")
	err := fmt.Errorf("--since: %w", hint.With(hint.Doing(hint.Say(base, "date", "x"), "reading it", "reading"), "dates"))
	if !errors.Is(err, base) || err.Error() != "--since: reading it: no such date" {
		t.Fatalf("the chain is broken: %q", err)
	}
	words := hint.Words(errors.Join(err, base))
	if len(words) != 2 || words[0].Text != "reading it" || words[1].Text != "no such date" || words[1].Hint.Args[0] != "x" {
		t.Fatalf("words: %+v", words)
	}
	if hint.Words(base) != nil || hint.Say(nil, "x") != nil || hint.Doing(nil, "x", "y") != nil {
		t.Fatal("words from nowhere")
	}
}
