package wizard_test

import (
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/files"
)

// TestDiffHidesSecrets: a value below a credential's name is hidden on whatever
// line it stands, on both sides and as context; a reference stays readable.
func TestDiffHidesSecrets(t *testing.T) {
	before := "{\n  tokens: [\n    'list-secret-1',\n    \"list-secret-2\"\n  ],\n  auth: { password:\n    'next-line-secret' },\n  x: 1\n}\n"
	after := strings.Replace(before, "x: 1", "x: 2, copy: 'list-secret-1',\n  apiKey: { source: 'exec', provider: 'clawsetup', id: 'proxy_token' }", 1)
	d := wizard.Diff(wizard.Change{
		Path: "openclaw.json", Before: files.File{Exists: true, Mode: 0o600, Data: []byte(before)},
		After: files.File{Exists: true, Mode: 0o600, Data: []byte(after)},
	}).String()
	if strings.Contains(d, "secret-1") || strings.Contains(d, "secret-2") || strings.Contains(d, "next-line-secret") {
		t.Errorf("a secret is shown:\n%s", d)
	}
	if !strings.Contains(d, "'proxy_token'") || !strings.Contains(d, "+  x: 2") {
		t.Errorf("too much is hidden:\n%s", d)
	}
}

// TestDiffHidesWhatLooksLikeASecret: under whatever name, and however the file writes it.
func TestDiffHidesWhatLooksLikeASecret(t *testing.T) {
	before := strings.Join([]string{
		`{`,
		`  channels: { feishu: { encryptKey: 'encrypt-key-value', verification: 'xoxb-1234567890-abcdef' } },`,
		`  wecom: { encodingAESKey:`,
		`    'encoding-aes-value' },`,
		`  nostr: { nsec:`,
		`    'nsec-on-a-line' },`,
		`  tokens: [`,
		`    "with\/an-\u0065scape",`,
		`    'over two \`,
		`lines-of-a-secret',`,
		`  ],`,
		`  db: 'postgres://user:pass-of-db@host/db',`,
		`  pem: '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----',`,
		`  x: 1`,
		`}`, ``,
	}, "\n")
	after := strings.Replace(before, "x: 1", "x: 2", 1)
	broken := strings.Replace(before, "x: 1", "tokens: [], tokens: [", 1)
	for _, c := range []wizard.Change{
		{Before: files.File{Exists: true, Data: []byte(before)}, After: files.File{Exists: true, Data: []byte(after)}},
		{After: files.File{Exists: true, Data: []byte(before)}},
		{Before: files.File{Exists: true, Data: []byte(broken)}},
	} {
		d := wizard.Diff(c).String()
		for _, secret := range []string{
			"encrypt-key-value", "xoxb-", "encoding-aes", "nsec-on-a-line", "scape", "lines-of-a-secret", "pass-of-db", "MIIEvQ",
		} {
			if strings.Contains(d, secret) {
				t.Errorf("%s is shown:\n%s", secret, d)
			}
		}
	}
}

// TestDiffIsSafeForATerminal: escapes and hidden characters of a file are not
// printed raw.
func TestDiffIsSafeForATerminal(t *testing.T) {
	d := wizard.Diff(wizard.Change{Path: "f", After: files.File{Exists: true, Data: []byte("a\x1b[2Jb\u202ec\n")}}).String()
	if strings.ContainsAny(d, "\x1b\u202e") {
		t.Errorf("%q", d)
	}
}
