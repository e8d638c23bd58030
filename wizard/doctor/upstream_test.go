//go:build unix

package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"testing"
)

var upstreamPairs = map[string]pair{
	"api-https": {bad: map[string]func(*scene){
		"plain":    func(s *scene) { s.API = "http://foundation-models.api.cloud.ru/v1" },
		"password": func(s *scene) { s.API = "https://me:word@foundation-models.api.cloud.ru/v1" },
		"none":     func(s *scene) { s.API = "foundation-models" },
	}},
	"api-tls": {bad: map[string]func(*scene){
		"old": func(s *scene) { s.shaken.Version = tls.VersionTLS11 },
		"untrusted": func(s *scene) {
			s.shakeErr = &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}
		},
	}},
	"api-certificate-age": {bad: map[string]func(*scene){"soon": func(s *scene) { s.shaken.Expires = sceneTime.AddDate(0, 0, 5) }}},
}

// A host that cannot be reached says nothing of its certificate.
func TestUnreachableAPI(t *testing.T) {
	r := examined(t, func(s *scene) { s.shakeErr = errors.New("connection refused") })
	for _, id := range []string{"api-tls", "api-certificate-age"} {
		if r[id].Outcome != NotChecked {
			t.Errorf("%s is %s", id, r[id].Outcome)
		}
	}
}
