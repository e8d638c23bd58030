package main

import (
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/wizard/proof"
)

// TestTheContainerReachesTheAPIAlone looks out of the proxy's container: at the
// API through the gateway, and at everything else that it must not reach. All of it is
// made by this test; each place counts its own visitors.
func TestTheContainerReachesTheAPIAlone(t *testing.T) {
	a := newArena(t)
	a.init()
	a.up()
	neighbour := docker(t, "run", "--detach", a.containers()[0].Image, "egress", "--allow", "https://"+apiHost+":443", "--forward", "x:1")
	t.Cleanup(func() { docker(t, "rm", "--force", neighbour) })
	neighbourIP := docker(t, "inspect", "--format", "{{.NetworkSettings.IPAddress}}", neighbour)
	host, err := net.Listen("tcp", "0.0.0.0:0")
	check(t, err)
	t.Cleanup(func() { _ = host.Close() })
	_, hostPort, err := net.SplitHostPort(host.Addr().String())
	check(t, err)
	bridge := docker(t, "network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", a.project()+"_inner")
	edge := docker(t, "network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", a.project()+"_edge")

	// The API answers a real request.
	before := allHosts.seen(apiAddress + ":443")
	if status, body, err := a.ask(a.token(), `{"messages":["hi"]}`); err != nil || status != http.StatusOK || !strings.Contains(body, "pong") {
		t.Fatalf("the API: %d %s (%v)", status, body, err)
	}
	if allHosts.seen(apiAddress+":443") == before {
		t.Error("the API was not asked")
	}

	visits := map[string]int{}
	for _, place := range []string{apiAddress + ":443", otherAddress + ":443", otherAddress + ":80", metadata + ":80"} {
		visits[place] = allHosts.seen(place)
	}
	for verb, want := range map[string]string{
		// Past the gateway there is no way.
		"dial " + apiAddress + ":443":           "error",
		"dial " + otherAddress + ":443":         "error",
		"dial " + metadata + ":80":              "error",
		"dial " + hostSide + ":" + hostPort:     "error",
		"dial " + bridge + ":" + hostPort:       "error",
		"dial " + edge + ":" + hostPort:         "error",
		"dial " + neighbourIP + ":8082":         "error",
		"dial 127.0.0.1:" + hostPort:            "error",
		"dial host.docker.internal:" + hostPort: "error",
		// Names are not looked up: a question carries data too.
		"lookup secret-data." + otherHost: "error",
		"lookup " + apiHost:               "error",
		"lookup gateway":                  "ok",
		// The gateway lets one origin through, by one name.
		"connect " + apiHost + ":443 " + apiHost:     "ok",
		"connect " + apiHost + ":443 " + otherHost:   "error",
		"connect " + apiHost + ":443":                "error",
		"connect " + apiHost + ":80 " + apiHost:      "status 403",
		"connect " + apiHost + ":22 " + apiHost:      "status 403",
		"connect " + otherHost + ":443 " + otherHost: "status 403",
		"connect " + apiAddress + ":443 " + apiHost:  "status 403",
		"connect " + metadata + ":80 ":               "status 403",
		"connect " + bridge + ":" + hostPort + " ":   "status 403",
		"connect 127.0.0.1:3129 ":                    "status 403",
		"connect localhost:3129 ":                    "status 403",
		"get http://" + otherHost + "/":              "status 403",
		"get http://" + metadata + "/latest/":        "status 403",
		// Its controls are not for the network.
		"dial gateway:3129": "error",
	} {
		if got := a.inside(verb); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", verb, got, want)
		}
	}
	for place, n := range visits {
		if strings.HasPrefix(place, apiAddress) {
			continue
		}
		if now := allHosts.seen(place); now != n {
			t.Errorf("%s was reached %d times", place, now-n)
		}
	}
	if n := allHosts.seen("dns secret-data." + otherHost); n != 0 {
		t.Errorf("a name was looked up %d times", n)
	}
	check(t, host.(*net.TCPListener).SetDeadline(time.Now().Add(50*time.Millisecond)))
	if c, err := host.Accept(); err == nil {
		t.Errorf("the host was reached from %s", c.RemoteAddr())
	}
	log := docker(t, "logs", a.project()+"-gateway-1")
	if !strings.Contains(log, "refused: CONNECT "+otherHost+":443") || strings.Contains(log, "pong") {
		t.Errorf("the gateway's log:\n%s", log)
	}
}

// TestOpenEgress: without the gateway the same places are reached; so the test above
// can fail. The consent is named, shown and journaled.
func TestOpenEgress(t *testing.T) {
	a := newArena(t)
	a.init("--egress", "open")
	out := a.up()
	if !strings.Contains(out, "not tried") {
		t.Errorf("nothing is said of the image: %s", out)
	}
	s := a.status()
	if !s.OK() || s.Egress != "open" {
		t.Fatalf("egress %s, broken %q", s.Egress, broken(s.Results))
	}
	if !slices.ContainsFunc(s.Results, func(r proof.Result) bool { return r.Rule == "hardening-tried" && r.Outcome == proof.Unknown }) {
		t.Error("the image was not tried, and status does not say so")
	}
	for _, verb := range []string{"dial " + otherAddress + ":443", "dial " + metadata + ":80", "lookup " + otherHost} {
		if got := a.inside(verb); got != "ok" {
			t.Errorf("%s: %q", verb, got)
		}
	}
	if out := a.must(0, "config-history", "list", "--json"); !strings.Contains(out, `"egress-open"`) {
		t.Errorf("the journal does not hold the consent: %s", out)
	}
}
