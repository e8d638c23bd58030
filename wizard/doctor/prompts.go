package doctor

import (
	"context"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/clawsetup/clawsetup/wizard/text"
)

// promptChecks ask what the agent is told before anybody speaks to it.
func promptChecks() []Check {
	fix := func(c Check) Check { c.Fix = "${EDITOR:-vi} {path}"; return c }
	return []Check{
		fix(agentCheck("anti-refusal", High, []string{"T-04", "E-03"}, antiRefusal, Tampering, Elevation, PromptInjection)),
		fix(agentCheck("prompt-leaks", Low, []string{"I-04"}, promptLeaks, Disclosure)),
	}
}

// promptFiles are the files of a workspace that OpenClaw puts into the system prompt.
var promptFiles = []string{"AGENTS.md", "SOUL.md", "IDENTITY.md", "USER.md", "TOOLS.md", "HEARTBEAT.md", "BOOTSTRAP.md", "MEMORY.md", "CLAUDE.md"}

// phrase is a pattern of what a prompt should not say, and a name for it.
type phrase struct {
	name string
	// stems are parts of words of which every text that fits has at least one: the pattern,
	// which is slow, is asked around them alone.
	stems   []string
	pattern func() *regexp.Regexp
}

// around is how many bytes on each side of a stem belong to the same phrase at most.
const around = 250

// in tells whether a text has the phrase.
func (p phrase) in(plain string) bool {
	var at []int
	for _, stem := range p.stems {
		for i := 0; ; {
			n := strings.Index(plain[i:], stem)
			if n < 0 {
				break
			}
			at = append(at, i+n)
			i += n + len(stem)
		}
	}
	slices.Sort(at)
	for i := 0; i < len(at); {
		from, to := max(0, at[i]-around), at[i]+around
		for i++; i < len(at) && at[i]-around <= to; i++ {
			to = at[i] + around
		}
		if p.pattern().MatchString(plain[from:min(to, len(plain))]) {
			return true
		}
	}
	return false
}

// refusals take from the model that it may say no. They are matched in small letters, with
// one blank between words and without invisible characters.
var refusals = []phrase{
	{"it is told never to refuse", []string{"refuse", "decline", "comply", "отказ", "выполняй"}, text.Pattern(`\b(?:never|do not|don't|must not|cannot|can't|may not|you will not) (?:ever )?(?:refuse|decline)\b|\balways comply\b|\bcomply with (?:all|any|every) requests?\b|без отказов|никогда не отказыва|не отказывай|не имеешь права отказ|выполняй (?:любые|все) (?:просьбы|запросы|команды)`)},
	{"it is told to ignore its instructions", []string{"ignore", "disregard", "forget", "override", "игнорируй", "забудь", "отбрось", "не учитывай"}, text.Pattern(`\b(?:ignore|disregard|forget|override)\b (?:all |any |your |the |of |these )*(?:previous|prior|above|earlier|safety|system|original)\b[a-z ]{0,20}\b(?:instructions?|prompts?|rules|guidelines|policies)|(?:игнорируй|забудь|отбрось|не учитывай)(?:те)? (?:все |всё |любые |свои )*(?:предыдущие|прежние|прошлые|системные|вышестоящие|исходные) (?:инструкции|указания|правила|сообщения|промпты)`)},
	{"it is told to have no ethics", []string{"ethic", "moral", "safety", "этич", "этик", "морал"}, text.Pattern(`\b(?:no|without|ignore|free of|free from)\b (?:any |all |your )?(?:ethical|moral|ethics|safety) ?(?:constraints?|guidelines?|limits?|limitations?|restrictions?|rules|boundaries|considerations?|filters?)?\b[^.]{0,3}|(?:без|нет|отбрось|игнорируй)(?: всяких| никаких| любых)? (?:этических|моральных|этики|морали|этические|моральные)`)},
	{"it is told that nothing restricts it", []string{"bypass", "disable", "circumvent", "turn off", "do anything now", "dan mode", "jailbr", "restrict", "limits", "limitations", "rules", "обходи", "отключи", "сними", "ограничений", "запретов"}, text.Pattern(`\b(?:bypass|disable|circumvent|turn off) (?:all |any |your |the )?(?:safety|content|moderation|security) (?:filters?|checks?|measures|policies|guardrails)|\bdo anything now\b|\bdan mode\b|\bjailbr(?:eak|oken)\b|\byou (?:have|are under) no (?:restrictions|limits|limitations|rules)\b|\bunrestricted (?:ai|assistant|mode)\b|(?:обходи|отключи|сними)(?:те)? (?:все |любые )?(?:фильтры|ограничения|защиту|запреты)|нет никаких (?:ограничений|запретов)|режим без ограничений`)},
}

// plainWords is a text as the patterns match it, and whether invisible characters were
// left out that no writer needs: a person sees another text than the model.
func plainWords(s string) (words string, invisible bool) {
	var b strings.Builder
	b.Grow(len(s))
	blank := true
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			if !blank {
				b.WriteByte(' ')
			}
			blank = true
			continue
		case r >= 0xE0000 && r <= 0xE007F, r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069:
			invisible = true
			continue
		case r == 0xFEFF, r == 0xAD, r >= 0x200B && r <= 0x200F, r == 0x2060, r >= 0xFE00 && r <= 0xFE0F:
			continue
		case r == '’':
			r = '\''
		}
		b.WriteRune(unicode.ToLower(r))
		blank = false
	}
	return b.String(), invisible
}

// matching are the names of the phrases that a text has, and whether it hides characters.
func matching(s string, list []phrase) (names []string, invisible bool) {
	plain, invisible := plainWords(s)
	var out []string
	for _, p := range list {
		if p.in(plain) {
			out = append(out, p.name)
		}
	}
	return out, invisible
}

// eachPrompt asks of the files of all workspaces that are part of a prompt.
func eachPrompt(h *Host, a *answer, c *config, ask func(path, content string)) {
	for _, dir := range h.workspaces(c) {
		for _, name := range promptFiles {
			r := h.read(filepath.Join(dir, name))
			switch {
			case r.err != nil:
				a.cannot(r.path, r.err)
			case r.exists:
				a.saw(r.path)
				ask(r.path, string(r.data))
			}
		}
	}
}

// shortestPhrase is the length below which no text holds a phrase.
const shortestPhrase = 8

func antiRefusal(_ context.Context, h *Host, a *answer) {
	aboutConfig(h, a, func(c *config) {
		a.saw(c.path)
		for _, l := range c.strings {
			if len(l.value) < shortestPhrase {
				continue
			}
			names, _ := matching(l.value, refusals)
			for _, name := range names {
				a.found(c.at(l.path...), name)
			}
		}
		eachPrompt(h, a, c, func(path, content string) {
			names, _ := matching(content, refusals)
			for _, name := range names {
				a.found(Location{Path: path, Line: lineMatching(content, refusals)}, name)
			}
		})
	})
}

// lineMatching is the first line that has a phrase as a whole, 0 where one goes over the
// end of a line.
func lineMatching(content string, list []phrase) int {
	for i, line := range strings.Split(content, "\n") {
		if names, _ := matching(line, list); len(names) > 0 {
			return i + 1
		}
	}
	return 0
}

// What a model may be led to repeat (I-04).
var (
	phoneNumber = text.Pattern(`\+\d[\d ()-]{8,17}\d`)
	hostPath    = text.Pattern(`(?:/home/|/Users/|/root/|[A-Za-z]:\\Users\\)[^\s"'` + "`" + `<>)]+`)
)

// promptKeys are the keys of the configuration that hold a prompt, in small letters.
var promptKeys = []string{"systemprompt", "prompt", "instructions", "systempromptsuffix", "extrasystemprompt", "messagetemplate", "texttemplate", "soul", "theme", "description"}

// promptLeaks: whoever talks to the agent can make it say what its prompt says.
func promptLeaks(_ context.Context, h *Host, a *answer) {
	tell := func(where Location, content string) {
		if phoneNumber().MatchString(content) {
			a.found(where, "it holds a telephone number, which the model may be led to repeat")
		}
		if m := hostPath().FindString(content); m != "" {
			a.found(where, "it holds a path of this host, which the model may be led to repeat")
		}
	}
	aboutConfig(h, a, func(c *config) {
		a.saw(c.path)
		for _, l := range c.strings {
			if slices.Contains(promptKeys, strings.ToLower(l.last())) {
				tell(c.at(l.path...), l.value)
			}
		}
		if owners, _ := c.get("commands.ownerAllowFrom").([]any); c.text("commands.ownerDisplay") == "raw" && len(owners) > 0 {
			a.found(c.at("commands", "ownerDisplay"), "the numbers of the owners are in every prompt").repairedBy(c.set("hash", "commands", "ownerDisplay"))
		}
		eachPrompt(h, a, c, func(path, content string) { tell(Location{Path: path}, content) })
	})
}
