package wizard

import (
	"strings"

	"github.com/clawsetup/clawsetup/wizard/openclaw/json5"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// hidden stands for a value that is not shown.
const hidden = `"[hidden]"`

// credentialName matches the name of a setting whose value is a secret (A4).
var credentialName = text.Pattern(`(?i)token|secret|passw|passphrase|api_?key|credential|bearer|auth_?key|private_?key|headers`)

// credential matches such a setting with its value on one line, in JSON, JSON5, YAML
// and .env files; quoted values and bare ones.
var credential = text.Pattern(`(?i)(["']?[\w.-]*(?:token|secret|passw|passphrase|api_?key|credential|bearer|auth_?key|private_?key)[\w.-]*["']?\s*[:=]\s*)("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s,{}\[\]"'\\][^\s,{}\[\]"']*)`)

// harmless matches what cannot be a secret: switches, short numbers, nothing.
var harmless = text.Pattern(`^(?:true|false|null|["']?\d{1,9}["']?|""|''|\||>)$`)

// publicNames look like credentials, but hold none: "secrets" is where OpenClaw
// says who serves them.
var publicNames = text.Pattern(`(?i)apiKeyHelper|max_?tokens|^secrets$`)

// Redact hides the values of credential-like settings in one line of text.
func Redact(line string) string {
	return credential().ReplaceAllStringFunc(line, func(m string) string {
		g := credential().FindStringSubmatch(m)
		if harmless().MatchString(g[2]) || publicNames().MatchString(g[1]) {
			return m
		}
		return g[1] + hidden
	})
}

// userInfo is a name and password inside of an address.
var userInfo = text.Pattern(`://[^/\s"'@]*:[^/\s"'@]*@`)

// shortestSecret is the length from which on a value is worth hiding wherever it
// stands; shorter ones would hide half of the file.
const shortestSecret = 8

// redactor makes the lines of a file safe to show. It knows the values that stand
// under credential-like names on lines of their own, too.
type redactor struct{ values []string }

func newRedactor(versions ...[]byte) redactor {
	var r redactor
	for _, b := range versions {
		doc, err := json5.Parse(b)
		if err != nil {
			continue // not JSON5: such files are our own, one setting a line
		}
		tree, _ := doc.Get(nil)
		r.collect(tree, false)
	}
	return r
}

// collect remembers every text below a credential-like name. A reference to a
// secret elsewhere ({source, provider, id}) is none.
func (r *redactor) collect(v any, secret bool) {
	switch v := v.(type) {
	case string:
		if secret && len(v) >= shortestSecret {
			r.values = append(r.values, v)
		}
	case []any:
		named := false // by the argument before it, as in ["--token", "…"]
		for _, x := range v {
			r.collect(x, secret || named)
			arg, _ := x.(string)
			named = strings.HasPrefix(arg, "-") && credentialName().MatchString(arg)
		}
	case map[string]any:
		if _, ref := v["source"]; ref && v["provider"] != nil {
			return
		}
		for name, x := range v {
			r.collect(x, (secret || credentialName().MatchString(name)) && !publicNames().MatchString(name))
		}
	}
}

// line is one line as it may be shown.
func (r redactor) line(s string) string {
	s = strings.TrimRight(s, "\r\n")
	trimmed := strings.TrimLeft(s, " \t")
	indent := strings.Repeat(" ", len(s)-len(trimmed))
	out := Redact(trimmed)
	for _, v := range r.values {
		out = strings.ReplaceAll(out, v, "[hidden]")
	}
	return indent + text.Clean(userInfo().ReplaceAllString(out, "://[hidden]@"), widestLine)
}
