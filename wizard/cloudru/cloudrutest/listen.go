package cloudrutest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Endpoint is a Server that listens on a free port of 127.0.0.1.
type Endpoint struct {
	// URL is the base address, ending in /v1.
	URL *url.URL
	// Roots holds the authority that signed the certificate; nil without TLS.
	Roots *x509.CertPool

	server *http.Server
	done   chan error
}

// Start listens without TLS. Close ends it.
func (s *Server) Start() (*Endpoint, error) { return s.listen("http", nil) }

// StartTLS listens with TLS, with a certificate of an authority that is made for it.
// The zero Certificate is a good one. Close ends it.
func (s *Server) StartTLS(c Certificate) (*Endpoint, error) {
	made, root, err := c.issue()
	if err != nil {
		return nil, fmt.Errorf("making a certificate for the simulator: %w", err)
	}
	config := &tls.Config{
		Certificates: []tls.Certificate{made}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
	}
	if c.MaxVersion != 0 {
		config.MinVersion, config.MaxVersion = min(c.MaxVersion, tls.VersionTLS12), c.MaxVersion
	}
	e, err := s.listen("https", config)
	if err != nil {
		return nil, err
	}
	e.Roots = x509.NewCertPool()
	e.Roots.AddCert(root)
	return e, nil
}

func (s *Server) listen(scheme string, config *tls.Config) (*Endpoint, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the cloud.ru simulator: %w", err)
	}
	e := &Endpoint{
		URL:  &url.URL{Scheme: scheme, Host: l.Addr().String(), Path: "/v1"},
		done: make(chan error, 1),
		server: &http.Server{
			Handler:           s,
			TLSConfig:         config,
			ReadHeaderTimeout: 10 * time.Second,
			IdleTimeout:       time.Minute,
			// Callers that distrust the certificate are no news.
			ErrorLog: log.New(io.Discard, "", 0),
		},
	}
	go func() {
		if config == nil {
			e.done <- e.server.Serve(l)
			return
		}
		e.done <- e.server.ServeTLS(l, "", "")
	}()
	return e, nil
}

// Close stops listening and breaks off what is still being answered.
func (e *Endpoint) Close() error {
	err := e.server.Close()
	if served := <-e.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	e.done <- http.ErrServerClosed // Close again is harmless
	if err != nil {
		return fmt.Errorf("stopping the cloud.ru simulator: %w", err)
	}
	return nil
}
