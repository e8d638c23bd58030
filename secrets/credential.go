package secrets

import (
	"regexp"
	"strings"
	"sync"
)

// credentialWords are, as an alternation of a regular expression that disregards case,
// the words by which settings, variables and flags that hold credentials are called: those
// of OpenClaw's channels and plugins, of Claude Code, and of the services behind them.
const credentialWords = `api[_.-]*key|token|secret|pass[_.-]*(?:word|wd|phrase)|credentials?|authorization|bearer|cookie|` +
	`(?:access|auth|encoding[_.-]*aes|encrypt|licen[cs]e|private|secret|signing)[_.-]*key|connection[_.-]*string|mnemonic|nsec`

// hidden stands for a value that is not shown.
const hidden = "[hidden]"

func pattern(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

var (
	credentialEnd  = pattern(`(?i)(?:` + credentialWords + `|[_.-]pat|[_.-]pwd)$`)
	credentialWord = pattern(`(?i)` + credentialWords)
	// publicNames are called like credentials and hold none: "secrets" is where OpenClaw
	// says who serves them.
	publicNames = pattern(`(?i)apiKeyHelper|max_?tokens|^secrets$`)
	// A port in the place of a password is an address that pretends to be another one;
	// whoever knows the address of a webhook may post to it.
	credentialForm = pattern(`(^|[\s=:"']|/bot)(?:sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}|AKIA[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{30,}|glpat-[A-Za-z0-9_-]{16,}|hf_[A-Za-z0-9]{20,}|cst_[A-Za-z0-9_-]{20,}|\d{8,10}:[A-Za-z0-9_-]{35}|Bearer\s+[A-Za-z0-9._~+/-]{16,})` +
		`|-----BEGIN [A-Z ]*PRIVATE KEY-----.*|://[^/\s:@]+:[^/\s:@$]*[^\d/\s:@$][^/\s:@$]*@|://hooks\.slack\.com/\w+/[\w/-]+|://discord(?:app)?\.com/api/webhooks/[\w/-]+`)
	// userInfo is who asks inside of an address: a name and password, or a token.
	userInfo = pattern(`://[^/\s"'@]+@`)
	// parameter is one of an address that is called like no word of the above.
	parameter = pattern(`(?i)([?&](?:key|sig|sign|signature|auth|access|code|pass|pwd)=)[^&#\s"']+`)
	// assigned is a name with its value on one line, in JSON, JSON5, YAML and .env files;
	// of a bare value the first word.
	assigned = pattern(`(?i)(["']?(?:[\w.-]*(?:` + credentialWords + `)[\w.-]*|(?:[\w.-]*[_.-])?(?:pat|pwd))["']?\s*[:=]\s*)("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s,{}\[\]"'\\][^\s,{}\[\]"']*)`)
	// harmless is what cannot be a credential: switches, short numbers, nothing.
	harmless = pattern(`^(?:true|false|null|["']?\d{1,9}["']?|""|''|\||>)$`)
)

// CredentialName tells whether a setting or variable is called like a credential: its
// name ends in the word for one, so that maxTokens and tokenLimit are none. It is for
// who accuses.
func CredentialName(name string) bool { return credentialEnd().MatchString(name) }

// MayHoldCredential tells whether a name has the word for a credential anywhere in it,
// and is not known to hold none. It is for who hides.
func MayHoldCredential(name string) bool {
	return (credentialWord().MatchString(name) || credentialEnd().MatchString(name)) && !publicNames().MatchString(name)
}

// CredentialValue tells whether a text has the form of a credential, whatever it is
// called: the prefix of a well-known issuer, a private key, a password in an address, the
// address of a webhook.
func CredentialValue(value string) bool { return credentialForm().MatchString(value) }

// HideCredentials makes one line of a foreign file fit to be shown: the values of names
// that may hold a credential and what has the form of one are hidden. A bare value that
// is hidden goes to the end of the line, since blanks and commas may belong to it.
func HideCredentials(line string) string {
	line = userInfo().ReplaceAllLiteralString(hideAssigned(line), "://"+hidden+"@")
	line = parameter().ReplaceAllString(line, "${1}"+hidden)
	return credentialForm().ReplaceAllString(line, "${1}"+hidden)
}

func hideAssigned(line string) string {
	var out strings.Builder
	for {
		m := assigned().FindStringSubmatchIndex(line)
		if m == nil {
			break
		}
		name, value := line[m[2]:m[3]], line[m[4]:m[5]]
		switch {
		case harmless().MatchString(value), publicNames().MatchString(name):
			out.WriteString(line[:m[1]])
		case value[0] != '"' && value[0] != '\'':
			return out.String() + line[:m[4]] + `"` + hidden + `"`
		default:
			out.WriteString(line[:m[4]] + `"` + hidden + `"`)
		}
		line = line[m[1]:]
	}
	return out.String() + line
}
