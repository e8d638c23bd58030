package proof

import (
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"github.com/clawsetup/clawsetup/wizard/engine"
	"github.com/clawsetup/clawsetup/wizard/proc"
)

func TestLeadsTo(t *testing.T) {
	const right = "/usr/bin/docker-proxy -proto tcp -host-ip 127.0.0.1 -host-port 8082 -container-ip 172.18.0.2 -container-port 8082"
	for name, c := range map[string]struct {
		args string
		ip   string
		want bool
	}{
		"right":                   {right, "172.18.0.2", true},
		"of newer engines":        {right + " -use-listen-fd", "172.18.0.2", true},
		"in another order":        {"docker-proxy -container-port 8082 -container-ip 172.18.0.2 -host-port 8082 -host-ip 127.0.0.1", "172.18.0.2", true},
		"another container":       {right, "172.18.0.3", false},
		"a container's beginning": {right, "172.18.0.20", false},
		"no container":            {right, "", false},
		"an empty container":      {strings.Replace(right, "172.18.0.2", "", 1), "", false},
		"all addresses":           {strings.Replace(right, "127.0.0.1", "0.0.0.0", 1), "172.18.0.2", false},
		"another port of ours":    {strings.Replace(right, "-host-port 8082", "-host-port 8083", 1), "172.18.0.2", false},
		"another port of its":     {strings.Replace(right, "-container-port 8082", "-container-port 22", 1), "172.18.0.2", false},
		"no port of its":          {strings.Replace(right, " -container-port 8082", "", 1), "172.18.0.2", false},
		"cut off":                 {strings.TrimSuffix(right, " 8082"), "172.18.0.2", false},
		"changed places":          {strings.Replace(strings.Replace(right, "127.0.0.1", "172.18.0.2", 1), "-container-ip 172.18.0.2", "-container-ip 127.0.0.1", 1), "172.18.0.2", false},
		"no arguments":            {"docker-proxy", "172.18.0.2", false},
		"nothing":                 {"", "172.18.0.2", false},
	} {
		if got := leadsTo(strings.Split(c.args, " "), 8082, c.ip); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if leadsTo(nil, 8082, "172.18.0.2") {
		t.Error("a hidden command line leads to the container")
	}
}

// TestPortOwnerWithoutAKernel: a host that does not tell leaves the claim open.
func TestPortOwnerWithoutAKernel(t *testing.T) {
	got := PortOwner(proc.System{Proc: t.TempDir()}, 8082, Relay{IP: "172.18.0.2"})
	if i := slices.IndexFunc(got, func(r Result) bool { return r.Rule == "port-owner" }); i < 0 || got[i].Outcome != Unknown || got[i].Detail == "" {
		t.Errorf("%+v", got)
	}
}

// TestNetworkOfTheSameName: a container whose network was removed and made anew is on
// none that was looked at.
func TestNetworkOfTheSameName(t *testing.T) {
	for id, want := range map[string]Outcome{"new": Held, "old": Broken} {
		c := engine.Container{InspectResponse: container.InspectResponse{
			ContainerJSONBase: &container.ContainerJSONBase{ID: "a"},
			Config:            &container.Config{},
			NetworkSettings:   &container.NetworkSettings{Networks: map[string]*network.EndpointSettings{"p_inner": {NetworkID: id}}},
		}}
		got := network.Inspect{ID: "new", Name: "p_inner", Driver: "bridge", Containers: map[string]network.EndpointResource{"a": {}}}
		for _, r := range Network("inner", types.NetworkConfig{}, got, []engine.Container{c}) {
			if r.Rule == "network-members" && r.Outcome != want {
				t.Errorf("on %q: %+v", id, r)
			}
		}
	}
}

// TestAnnotations: runtimes read them as orders (API 1.43 and later; the engine of
// the end-to-end tests may be older).
func TestAnnotations(t *testing.T) {
	for text, annotations := range map[string]map[string]string{"": nil, "it was given annotations": {"run.oci.keep_original_groups": "1"}} {
		s := &subject{got: engine.Container{InspectResponse: container.InspectResponse{
			ContainerJSONBase: &container.ContainerJSONBase{HostConfig: &container.HostConfig{Annotations: annotations}}}}}
		if got := unexpected(s); got != text {
			t.Errorf("%v: %q, want %q", annotations, got, text)
		}
	}
}
