package secrets

import (
	"regexp"
	"sync"
)

// CredentialWords are, as an alternation of a regular expression that disregards case,
// the words by which settings, variables and flags that hold credentials are called: those
// of OpenClaw's channels and plugins, of Claude Code, and of the services behind them.
// Who hides what may be a credential looks for them anywhere in a name; who accuses asks
// CredentialName.
const CredentialWords = `api[_.-]?key|token|secret|passw(?:or)?d|passphrase|credentials?|authorization|bearer|cookie|` +
	`(?:access|auth|encoding[_.-]?aes|encrypt|licen[cs]e|private|secret|signing)[_.-]?key|connection[_.-]?string|mnemonic|nsec`

var (
	credentialName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)(?:` + CredentialWords + `)$`) })
	// A port in the place of a password is an address that pretends to be another one.
	credentialValue = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?:^|[\s=:"'])(?:sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}|AKIA[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{30,}|glpat-[A-Za-z0-9_-]{16,}|hf_[A-Za-z0-9]{20,}|cst_[A-Za-z0-9_-]{20,}|\d{8,10}:[A-Za-z0-9_-]{35}|Bearer\s+[A-Za-z0-9._~+/-]{16,})` +
			`|-----BEGIN [A-Z ]*PRIVATE KEY-----|://[^/\s:@]+:[^/\s:@$]*[^\d/\s:@$][^/\s:@$]*@`)
	})
)

// CredentialName tells whether a setting or variable is called like a credential: its
// name ends in one of CredentialWords, so that maxTokens and tokenLimit are none.
func CredentialName(name string) bool { return credentialName().MatchString(name) }

// CredentialValue tells whether a text has the form of a credential, whatever it is
// called: the prefix of a well-known issuer, a private key, a password in an address.
func CredentialValue(value string) bool { return credentialValue().MatchString(value) }
