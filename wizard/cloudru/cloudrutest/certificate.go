package cloudrutest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"time"
)

// Certificate says what the simulator shows for itself. The zero value is valid
// for a day, for 127.0.0.1, ::1 and localhost.
type Certificate struct {
	// Hosts replaces those names.
	Hosts []string
	// NotAfter replaces the end of its validity; the past makes an expired one.
	NotAfter time.Time
	// MaxVersion bounds the protocol, such as tls.VersionTLS11; 0 does not.
	MaxVersion uint16
}

const validity = 60 * 24 * time.Hour

// Issue makes an authority, and a certificate signed by it. The authority is in PEM,
// as SSL_CERT_FILE names it to Go programs.
func (c Certificate) Issue() (tls.Certificate, []byte, error) {
	made, root, err := c.issue()
	if err != nil {
		return made, nil, err
	}
	return made, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw}), nil
}

func (c Certificate) issue() (tls.Certificate, *x509.Certificate, error) {
	until := c.NotAfter
	if until.IsZero() {
		until = time.Now().Add(validity)
	}
	root, rootKey, err := sign(&x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "cloud.ru simulator authority"},
		NotBefore: until.Add(-2 * validity), NotAfter: until.Add(2 * validity),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, nil)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "cloud.ru simulator"},
		NotBefore: until.Add(-validity - time.Hour), NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	hosts := c.Hosts
	if len(hosts) == 0 {
		hosts = []string{"127.0.0.1", "::1", "localhost"}
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, h)
		}
	}
	signed, key, err := sign(leaf, root, rootKey)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	return tls.Certificate{Certificate: [][]byte{signed.Raw}, PrivateKey: key}, root, nil
}

// sign makes a key and a certificate for it, signed by parent, or by itself.
func sign(template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if parent == nil {
		parent, parentKey = template, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		return nil, nil, err
	}
	made, err := x509.ParseCertificate(raw)
	return made, key, err
}
