package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/cloudru/cloudrutest"
)

// The hosts of a test, all of them addresses in a network namespace that the test
// made itself.
const (
	apiHost, apiAddress     = "api.clawsetup.test", "10.203.7.10"
	otherHost, otherAddress = "other.clawsetup.test", "10.203.7.11"
	nameServer              = "10.203.7.53"
	metadata                = "169.254.169.254"
	hostSide                = "10.203.7.1"
)

// testHost is a program that plays those hosts: cloud.ru with TLS, another site, a
// metadata service and a name server. It prints a line for each connection.
func testHost() int {
	var config struct {
		Certificate, Key []byte
		APIKeys          []string
	}
	if err := json.NewDecoder(os.Stdin).Decode(&config); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	pair, err := tls.X509KeyPair(config.Certificate, config.Key)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	cloud := cloudrutest.NewHandler()
	for _, k := range config.APIKeys {
		cloud.AddKey(secrets.New([]byte(k)))
	}
	// One key is good for a single answer: proved from the host, it fails in the container.
	api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cloud.ServeHTTP(w, r)
		if r.Method == http.MethodPost && r.Header.Get("Authorization") == "Bearer "+arenaKeyOnce {
			cloud.RevokeKey(secrets.New([]byte(arenaKeyOnce)))
		}
	})
	site := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") })
	var out sync.Mutex
	say := func(name string) {
		out.Lock()
		defer out.Unlock()
		fmt.Println(name)
	}
	for address, h := range map[string]http.Handler{apiAddress + ":443": api, otherAddress + ":443": site, metadata + ":80": site, otherAddress + ":80": site} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		l = counted{l, func() { say(address) }}
		if strings.HasSuffix(address, ":443") {
			l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
		}
		go func() { _ = http.Serve(l, h) }()
	}
	go names(say)
	say("ready")
	select {}
}

// counted tells of each connection.
type counted struct {
	net.Listener
	accepted func()
}

func (c counted) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.accepted()
	}
	return conn, err
}

// names answers questions for the names of the test.
func names(say func(string)) {
	conn, err := (&net.ListenConfig{}).ListenPacket(context.Background(), "udp", nameServer+":53")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	buf := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
			continue
		}
		q := m.Questions[0]
		say("dns " + strings.TrimSuffix(q.Name.String(), "."))
		answer := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, RecursionAvailable: true}, Questions: m.Questions}
		address, known := map[string]string{apiHost + ".": apiAddress, otherHost + ".": otherAddress}[strings.ToLower(q.Name.String())]
		switch {
		case !known:
			answer.RCode = dnsmessage.RCodeNameError
		case q.Type == dnsmessage.TypeA:
			var a [4]byte
			copy(a[:], net.ParseIP(address).To4())
			answer.Answers = []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 5}, Body: &dnsmessage.AResource{A: a},
			}}
		}
		if b, err := answer.Pack(); err == nil {
			_, _ = conn.WriteTo(b, from)
		}
	}
}
