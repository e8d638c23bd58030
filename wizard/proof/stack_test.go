package proof

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"

	"github.com/clawsetup/clawsetup/templates"
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

// TestWhatEnginesDoUnasked: Podman's own control groups and an administrator's choice of
// runtime are not given to one container.
func TestWhatEnginesDoUnasked(t *testing.T) {
	for _, tt := range []struct{ parent, runtime, want string }{
		{"", "", ""}, {"user.slice", "crun", ""}, {"machine.slice", "runsc", ""}, {"", "kata", ""},
		{"/x", "runc", "it was given a control group of its own"}, {"user.slice/x", "", "it was given a control group of its own"}, {"", "evil", "it was given another runtime"},
	} {
		h := &container.HostConfig{Runtime: tt.runtime}
		h.CgroupParent = tt.parent
		s := &subject{got: engine.Container{InspectResponse: container.InspectResponse{ContainerJSONBase: &container.ContainerJSONBase{HostConfig: h}}}}
		if got := unexpected(s); got != tt.want {
			t.Errorf("%q, %q: %q, want %q", tt.parent, tt.runtime, got, tt.want)
		}
	}
}

// TestSecretsAreTwoFiles: what is mounted where the secrets are is a secret only when it
// is one of the set-up's two, whatever the compose file says.
func TestSecretsAreTwoFiles(t *testing.T) {
	dir := t.TempDir()
	key, token := filepath.Join(dir, "cloudru_api_key"), filepath.Join(dir, "proxy_token")
	claimed := []types.ServiceSecretConfig{{Source: "cloudru_api_key"}, {Source: "proxy_token"}}
	good := []container.MountPoint{
		{Type: mount.TypeBind, Source: key, Destination: "/run/secrets/cloudru_api_key"}, {Type: mount.TypeBind, Source: token, Destination: "/run/secrets/proxy_token"},
	}
	with := func(m container.MountPoint) []container.MountPoint { return append(slices.Clone(good), m) }
	for name, tt := range map[string]struct {
		mounts  []container.MountPoint
		claimed []types.ServiceSecretConfig
		want    []string
	}{
		"the two":                        {good, claimed, nil},
		"none, as a gateway has":         {nil, nil, nil},
		"one is missing":                 {good[:1], claimed, []string{"secret-files"}},
		"one that nobody claims":         {good, claimed[:1], []string{"secret-files"}},
		"the host's root, claimed":       {with(container.MountPoint{Type: mount.TypeBind, Source: "/", Destination: "/run/secrets/hostroot"}), append(slices.Clone(claimed), types.ServiceSecretConfig{Source: "hostroot"}), []string{"engine-socket", "secret-files"}},
		"the host's root, not claimed":   {with(container.MountPoint{Type: mount.TypeBind, Source: "/", Destination: "/run/secrets/hostroot", RW: true}), claimed, []string{"engine-socket"}},
		"the folder of a socket":         {with(container.MountPoint{Type: mount.TypeBind, Source: "/var/run", Destination: "/run/secrets/x"}), claimed, []string{"engine-socket"}},
		"a folder":                       {with(container.MountPoint{Type: mount.TypeBind, Source: "/home", Destination: "/run/secrets/x"}), claimed, []string{"mounts"}},
		"a file of another folder":       {[]container.MountPoint{good[0], {Type: mount.TypeBind, Source: "/home/proxy_token", Destination: good[1].Destination}}, claimed, []string{"secret-files"}},
		"the host's root as the token":   {[]container.MountPoint{good[0], {Type: mount.TypeBind, Source: "/", Destination: good[1].Destination}}, claimed, []string{"engine-socket", "secret-files"}},
		"a token that can be written to": {[]container.MountPoint{good[0], {Type: mount.TypeBind, Source: token, Destination: good[1].Destination, RW: true}}, claimed, []string{"secret-files"}},
	} {
		t.Run(name, func(t *testing.T) {
			// The file names what is mounted: its word is not enough.
			project := &types.Project{Secrets: types.Secrets{"hostroot": {File: "/"}, "proxy_token": {File: "/home/proxy_token"}}}
			var service types.ServiceConfig
			service.Secrets = tt.claimed
			s := &subject{Claims: Claims{Project: project, Service: service, SecretsDir: dir}, got: engine.Container{InspectResponse: container.InspectResponse{Mounts: tt.mounts}}}
			var red []string
			for _, r := range rules {
				if slices.Contains([]string{"engine-socket", "mounts", "secret-files"}, r.name) && r.engine(s) != "" {
					red = append(red, r.name)
				}
			}
			slices.Sort(red)
			if !slices.Equal(red, tt.want) {
				t.Errorf("red are %q, want %q", red, tt.want)
			}
		})
	}
}

// TestEntrypointIsTheImagesOwn: a file whose command reads the secrets and then becomes
// something else than the image's command is no claim of ours.
func TestEntrypointIsTheImagesOwn(t *testing.T) {
	wrapped, launched, err := templates.Entrypoints([]string{"python"}, []string{"x.py"}, "/app")
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := templates.Entrypoints(nil, []string{"sh", "-c", "exec python x.py --no-token"}, "/app")
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		service          string
		claimed, running []string
		held             bool
	}{
		"the wrapper":         {templates.Service, wrapped, wrapped, true},
		"the launcher":        {templates.Service, launched, launched, true},
		"another in the file": {templates.Service, other, other, false},
		"another that runs":   {templates.Service, wrapped, other, false},
		"the image's alone":   {templates.Service, nil, []string{"python"}, false},
		"a gateway's":         {templates.GatewayService, nil, []string{"python"}, true},
	} {
		service := types.ServiceConfig{Name: tt.service}
		service.Entrypoint = tt.claimed
		s := &subject{
			Claims: Claims{Service: service, Image: engine.Image{ID: "sha256:x", Entrypoint: []string{"python"}, Cmd: []string{"x.py"}, WorkingDir: "/app"}},
			got:    engine.Container{InspectResponse: container.InspectResponse{Config: &container.Config{Entrypoint: tt.running}}},
		}
		if got := entrypoint(s); (got == "") != tt.held {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestContentIsProved: another image than was looked at breaks the claim; one that cannot
// be compared leaves it open.
func TestContentIsProved(t *testing.T) {
	looked := engine.Content{Pin: "sha256:index", Manifest: "sha256:manifest", Config: "sha256:config"}
	for name, tt := range map[string]struct {
		image   engine.Image
		content engine.Content
		want    Outcome
	}{
		"the same":                  {engine.Image{ID: "sha256:config", ByConfig: true}, looked, Held},
		"another":                   {engine.Image{ID: "sha256:evil", ByConfig: true}, looked, Broken},
		"an engine that can't tell": {engine.Image{ID: "sha256:other"}, looked, Unknown},
		"a set-up that can't tell":  {engine.Image{ID: "sha256:config", ByConfig: true}, engine.Content{Pin: "sha256:index"}, Unknown},
		"made here":                 {engine.Image{ID: "sha256:gateway", ByConfig: true}, engine.Content{}, Held},
	} {
		i := slices.IndexFunc(rules, func(r rule) bool { return r.name == "image-content" })
		got := rules[i].prove(&subject{Claims: Claims{Image: tt.image, Content: tt.content}})
		if got.Outcome != tt.want || (got.Detail == "") != (tt.want == Held) {
			t.Errorf("%s: %+v, want %s", name, got, tt.want)
		}
	}
}
