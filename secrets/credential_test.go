package secrets

import (
	"strings"
	"testing"
)

var credentialNames = map[string]bool{
	"apiKey": true, "API_KEY": true, "api-key": true, "OPENAI_API_KEY": true, "botToken": true, "appSecret": true, "password": true, "PGPASSWD": true,
	"credentials": true, "Authorization": true, "encodingAESKey": true, "ENCODING_AES_KEY": true, "encryptKey": true, "secretKey": true, "AWS_SECRET_ACCESS_KEY": true,
	"licenceKey": true, "connectionString": true, "privateKey": true, "nsec": true, "cookie": true,
	"": false, "key": false, "maxTokens": false, "tokenLimit": false, "apiKeyHelper": false, "secrets": false, "sessionKey": false, "keyboard": false, "PASS_PHRASE": true, "GITHUB_PAT": true, "DB_PWD": true, "PWD": false, "path": false, "api__key": true,
}

func TestCredentialName(t *testing.T) {
	for name, want := range credentialNames {
		if got := CredentialName(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

var credentialValues = map[string]bool{
	"sk-0123456789abcdef": true, "token=ghp_0123456789abcdefghij": true, "xoxb-0123456789": true, "AKIAABCDEFGHIJKLMNOP": true, "glpat-0123456789abcdef": true,
	"12345678:abcdefghijklmnopqrstuvwxyz012345678": true, "Authorization: Bearer abcdefghijklmnop": true,
	"-----BEGIN PRIVATE KEY-----": true, "-----BEGIN RSA PRIVATE KEY-----": true, "postgres://user:pass@host/db": true, "http://good.example:80a@evil.example/": true,
	"https://discord.com/api/webhooks/1/abc-d": true,
	"": false, "risk-0123456789abcdef": false, "sk-short": false, "https://host:8443/path@tag": false, "https://user@host/": false, "Bearer ${TOKEN}": false,
	"-----BEGIN CERTIFICATE-----": false, "https://host/a:b@c": false,
}

func TestCredentialValue(t *testing.T) {
	for value, want := range credentialValues {
		if got := CredentialValue(value); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

func TestHideCredentials(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`"botToken": "123:abc",`, `"botToken": "[hidden]",`},
		{`botToken: 'it\'s',`, `botToken: "[hidden]",`},
		{`OPENAI_API_KEY=sk-123`, `OPENAI_API_KEY="[hidden]"`},
		{`password: hunter2`, `password: "[hidden]"`},
		{`"token": "unfinished`, `"token": "[hidden]"`},
		{`"auth": {"token": "a b c"}`, `"auth": {"token": "[hidden]"}`},
		{`DB_PASSWORD=correct horse battery`, `DB_PASSWORD="[hidden]"`},
		{`API_TOKEN=abc,def-rest`, `API_TOKEN="[hidden]"`},
		{`Authorization: Bearer abcdefghijklmnop`, `Authorization: "[hidden]"`},
		{`NOTE=sk-0123456789abcdef # mine`, `NOTE=[hidden] # mine`},
		{`postgres://user:pass@host/db`, `postgres://[hidden]@host/db`},
		{`{"token": true, "secret": "x y", "model": "m", "passphrase": 'z'}`, `{"token": true, "secret": "[hidden]", "model": "m", "passphrase": "[hidden]"}`},
		{`{"max_tokens": 5, "token": "x"}`, `{"max_tokens": 5, "token": "[hidden]"}`},
		{`"x-api-key": "v", "api-key": 'w'`, `"x-api-key": "[hidden]", "api-key": "[hidden]"`},
		{`--api-key=v`, `--api-key="[hidden]"`},
		{`GITHUB_PAT=abc`, `GITHUB_PAT="[hidden]"`},
		{`"db_pwd": "abc"`, `"db_pwd": "[hidden]"`},
		{`"pattern": "abc", CONFIG_PATH=/x`, `"pattern": "abc", CONFIG_PATH=/x`},
		{`"url": "https://TOKEN@host/"`, `"url": "https://[hidden]@host/"`},
		{`"url": "https://host/?a=1&key=abc&b=2"`, `"url": "https://host/?a=1&key=[hidden]&b=2"`},
		{`"url": "https://hooks.slack.com/services/T0/B0/abc"`, `"url": "https[hidden]"`},
		{`"url": "https://api.telegram.org/bot12345678:abcdefghijklmnopqrstuvwxyz012345678/x"`, `"url": "https://api.telegram.org/bot[hidden]/x"`},
		{`"apiKeyHelper": "clawsetup token"`, `"apiKeyHelper": "clawsetup token"`},
		{`MAX_TOKENS_LIMIT: "65536"`, `MAX_TOKENS_LIMIT: "65536"`},
		{`"apiKey": {`, `"apiKey": {`},
		{`"allowTokens": true`, `"allowTokens": true`},
		{`"model": "zai-org/GLM-5.1"`, `"model": "zai-org/GLM-5.1"`},
	} {
		if got := HideCredentials(c.in); got != c.want {
			t.Errorf("%s: %s, want %s", c.in, got, c.want)
		}
	}
}

func TestHideByValue(t *testing.T) {
	if got := New([]byte("value")).Hide("a value, value", "*"); got != "a *, *" {
		t.Error(got)
	}
	if got := (Secret{}).Hide("a value", "*"); got != "a value" {
		t.Error(got)
	}
}

// TestWhatIsAccusedIsHidden: whoever may be told to have a credential in the clear does
// not have it shown.
func TestWhatIsAccusedIsHidden(t *testing.T) {
	for name, credential := range credentialNames {
		if line := name + "=the-value"; credential && (!MayHoldCredential(name) || strings.Contains(HideCredentials(line), "value")) {
			t.Errorf("%s is shown", line)
		}
	}
	for value, credential := range credentialValues {
		if hidden := HideCredentials("note: " + value); credential && hidden == "note: "+value {
			t.Errorf("%s is shown", value)
		}
	}
}

func FuzzHideCredentials(f *testing.F) {
	f.Add(`"apiKey": "`, "value-of-a-secret")
	f.Fuzz(func(t *testing.T, prefix, value string) {
		_ = HideCredentials(prefix + value)
		plain := strings.Map(func(r rune) rune {
			if r < ' ' || r > '~' || strings.ContainsRune(`"'\\,{}[]:= `, r) {
				return 'x'
			}
			return r
		}, value)
		line := `"token": "` + plain + `"`
		if len(plain) > 12 && strings.Contains(HideCredentials(line), plain) {
			t.Errorf("%q stays readable", line)
		}
	})
}
