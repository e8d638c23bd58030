package secrets

import (
	"regexp"
	"testing"
)

func TestCredentialName(t *testing.T) {
	for name, want := range map[string]bool{
		"apiKey": true, "API_KEY": true, "api-key": true, "OPENAI_API_KEY": true, "botToken": true, "appSecret": true, "password": true, "PGPASSWD": true,
		"credentials": true, "Authorization": true, "encodingAESKey": true, "ENCODING_AES_KEY": true, "encryptKey": true, "secretKey": true, "AWS_SECRET_ACCESS_KEY": true,
		"licenceKey": true, "connectionString": true, "privateKey": true, "nsec": true, "cookie": true,
		"": false, "key": false, "maxTokens": false, "tokenLimit": false, "apiKeyHelper": false, "secrets": false, "sessionKey": false, "keyboard": false,
	} {
		if got := CredentialName(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

func TestCredentialValue(t *testing.T) {
	for value, want := range map[string]bool{
		"sk-0123456789abcdef": true, "token=ghp_0123456789abcdefghij": true, "xoxb-0123456789": true, "AKIAABCDEFGHIJKLMNOP": true, "glpat-0123456789abcdef": true,
		"12345678:abcdefghijklmnopqrstuvwxyz012345678": true, "Authorization: Bearer abcdefghijklmnop": true,
		"-----BEGIN PRIVATE KEY-----": true, "-----BEGIN RSA PRIVATE KEY-----": true, "postgres://user:pass@host/db": true, "http://good.example:80a@evil.example/": true,
		"": false, "risk-0123456789abcdef": false, "sk-short": false, "https://host:8443/path@tag": false, "https://user@host/": false, "Bearer ${TOKEN}": false,
		"-----BEGIN CERTIFICATE-----": false, "https://host/a:b@c": false,
	} {
		if got := CredentialValue(value); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

// TestCredentialWordsAreAPattern: others make their own of them.
func TestCredentialWordsAreAPattern(t *testing.T) {
	if p := regexp.MustCompile(`(?i)^(?:` + CredentialWords + `)$`); !p.MatchString("Api_Key") || p.MatchString("model") {
		t.Error(p)
	}
}
