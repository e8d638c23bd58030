package proof

import (
	"cmp"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/network"

	"github.com/clawsetup/clawsetup/templates"
	"github.com/clawsetup/clawsetup/wizard/engine"
	"github.com/clawsetup/clawsetup/wizard/proc"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// networkRules compare a network with what the file says of it; the names are those
// of package compose.
var networkRules = []struct {
	control, name string
	find          func(want types.NetworkConfig, got network.Inspect) string
}{
	{"E-01", "network-own", func(want types.NetworkConfig, got network.Inspect) string {
		if got.Driver != cmp.Or(want.Driver, "bridge") || got.Attachable || got.Ingress || got.EnableIPv6 {
			return "it is not a bridge of this stack alone"
		}
		for name := range got.Options {
			if _, claimed := want.DriverOpts[name]; !claimed && strings.HasPrefix(name, "com.docker.network.bridge.") {
				return "it has the option " + text.Clean(name, 80) + ", which is none of the file's"
			}
		}
		return ""
	}},
	{"E-01", "network-internal", func(want types.NetworkConfig, got network.Inspect) string {
		if want.Internal && !got.Internal {
			return "it leads out of this host"
		}
		return ""
	}},
	{"E-01", "network-isolated", option("com.docker.network.bridge.enable_icc", "its containers can reach each other")},
	{"E-01", "network-host", option("com.docker.network.bridge.inhibit_ipv4", "the host's own services can be reached through it")},
	{"S-01", "network-binding", option("com.docker.network.bridge.host_binding_ipv4", "ports are not bound to 127.0.0.1 by default")},
}

func option(name, detail string) func(types.NetworkConfig, network.Inspect) string {
	return func(want types.NetworkConfig, got network.Inspect) string {
		if got.Options[name] != want.DriverOpts[name] {
			return detail
		}
		return ""
	}
}

// Network proves a network of the stack, and that only the stack's containers are on
// it.
func Network(name string, want types.NetworkConfig, got network.Inspect, ours []engine.Container) []Result {
	var out []Result
	add := func(control, rule, detail string) {
		r := Result{Control: control, Rule: rule}
		if detail != "" {
			r.Outcome, r.Detail = Broken, "network "+text.Clean(name, 40)+": "+detail
		}
		out = append(out, r)
	}
	for _, r := range networkRules {
		add(r.control, r.name, r.find(want, got))
	}
	strangers := ""
	for _, c := range ours {
		if n := c.NetworkSettings; n != nil && n.Networks[got.Name] != nil && n.Networks[got.Name].NetworkID != got.ID {
			strangers = "the container of " + text.Clean(c.Service(), 40) + " is on another network of that name"
		}
	}
	for id, c := range got.Containers {
		if !slices.ContainsFunc(ours, func(o engine.Container) bool { return o.ID == id }) {
			strangers = "the container " + text.Clean(c.Name, 60) + " is on it, which is no part of the stack"
		}
	}
	add("E-01", "network-members", strangers)
	return out
}

// relays are the programs by which engines listen for a container: docker-proxy
// names the container in its arguments, the others do not.
var relays = []string{"docker-proxy", "dockerd", "rootlesskit", "rootlessport", "slirp4netns", "pasta", "pasta.avx2", "conmon", "gvproxy", "com.docker.backend"}

// Relay is what an engine puts before a container: it listens on the host.
type Relay struct {
	// IP is the address of the container that it leads to.
	IP string
	// Rootless says that it does not run as root.
	Rootless bool
}

// PortOwner proves that what listens on 127.0.0.1:port is the engine's relay to its
// container (S-01): by the kernel's table of sockets, and by whose
// process holds it where that is visible.
func PortOwner(system proc.System, port uint16, relay Relay) []Result {
	listeners, err := system.Listeners(port)
	if err != nil {
		return []Result{{Control: "S-01", Rule: "port-owner", Outcome: Unknown,
			Detail: "the engine says so; which process listens is " + text.Clean(err.Error(), 80)}}
	}
	owner := Result{Control: "S-01", Rule: "port-owner"}
	rogue := Result{Control: "S-01", Rule: "port-others"}
	literal := false
	for _, l := range listeners {
		if l.Address.Addr() == loopback {
			literal = true
			// Several sockets can share the port (SO_REUSEPORT): the worst counts.
			if outcome, detail := owned(system, l, port, relay); owner.Outcome == Held || outcome == Broken {
				owner.Outcome, owner.Detail = outcome, detail
			}
			continue
		}
		rogue.Outcome = Broken
		rogue.Detail = fmt.Sprintf("user %d listens on %s too: use the literal 127.0.0.1, never localhost", l.UID, l.Address)
	}
	if !literal {
		owner.Outcome, owner.Detail = Broken, fmt.Sprintf("nothing listens on 127.0.0.1:%d itself", port)
	}
	return []Result{owner, rogue}
}

// PortUnused proves of a stack that does not run that nobody else listens on its port
// (S-01): Claude Code shows the token to whoever does.
func PortUnused(system proc.System, port uint16) Result {
	out := Result{Control: "S-01", Rule: "port-owner"}
	who, err := WhoListens(system, port)
	switch {
	case err != nil:
		out.Outcome, out.Detail = Unknown, "the stack does not run; whether something else listens on its port is "+text.Clean(err.Error(), 80)
	case who != "":
		out.Outcome, out.Detail = Broken, "the stack does not run, and "+who+": Claude Code would show it the token"
	}
	return out
}

// WhoListens says who answers on 127.0.0.1:port, as "user 1000 (process 100, /usr/bin/socat)
// listens on 127.0.0.1:8082"; empty when nobody does. Of several it is the one whose
// address is the nearest: the kernel gives it the connections. The errors are those of
// proc.System.Listeners.
func WhoListens(system proc.System, port uint16) (string, error) {
	listeners, err := system.Listeners(port)
	if err != nil {
		return "", err
	}
	nearest := slices.IndexFunc(listeners, func(l proc.Listener) bool { return l.Address.Addr() == loopback })
	if nearest < 0 {
		nearest = slices.IndexFunc(listeners, func(l proc.Listener) bool { return l.Address.Addr().IsUnspecified() })
	}
	if nearest < 0 {
		return "", nil
	}
	l := listeners[nearest]
	who := fmt.Sprintf("user %d", l.UID)
	if owners, _ := system.Owners(l.Inode); len(owners) > 0 {
		who += fmt.Sprintf(" (process %d, %s)", owners[0].PID, text.Clean(owners[0].Path, 80))
	}
	return fmt.Sprintf("%s listens on %s", who, l.Address), nil
}

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

func owned(system proc.System, l proc.Listener, port uint16, relay Relay) (Outcome, string) {
	if l.UID != 0 && !relay.Rootless {
		return Broken, fmt.Sprintf("user %d listens on 127.0.0.1:%d: the engine's relay is root's", l.UID, port)
	}
	owners, complete := system.Owners(l.Inode)
	if len(owners) == 0 {
		if complete {
			return Unknown, "no process holds the socket that listens"
		}
		return Unknown, fmt.Sprintf("the engine says so; the process of user %d that listens is not visible without root's rights", l.UID)
	}
	outcome, detail := Unknown, ""
	for _, p := range owners {
		name := filepath.Base(strings.TrimSuffix(p.Path, " (deleted)"))
		switch {
		case p.Path == "":
			return Unknown, fmt.Sprintf("which program process %d is cannot be seen", p.PID)
		case !slices.Contains(relays, name):
			return Broken, fmt.Sprintf("process %d, %s, listens on 127.0.0.1:%d: it is no relay of the engine", p.PID, text.Clean(p.Path, 80), port)
		case name == "docker-proxy" && !leadsTo(p.Args, port, relay.IP):
			return Broken, fmt.Sprintf("the engine's relay for 127.0.0.1:%d leads to another container", port)
		case name == "docker-proxy" && l.UID != 0:
			// Anybody can give a program that name and those arguments.
			detail = fmt.Sprintf("process %d, %s, is user %d's: whether the engine started it is not shown", p.PID, text.Clean(p.Path, 80), l.UID)
		case name == "docker-proxy":
			outcome = Held // the engine itself may hold the socket as well
		default:
			detail = fmt.Sprintf("process %d, %s, is a relay of the engine; to which container it leads is not shown", p.PID, name)
		}
	}
	if outcome == Held {
		return Held, ""
	}
	return outcome, detail
}

// leadsTo reads the arguments that dockerd gives docker-proxy (libnetwork,
// portmapper).
func leadsTo(args []string, port uint16, ip string) bool {
	want := map[string]string{
		"-host-ip": "127.0.0.1", "-host-port": fmt.Sprint(port), "-container-ip": ip, "-container-port": fmt.Sprint(templates.ContainerPort),
	}
	for i := 1; i+1 < len(args); i++ {
		if v, ok := want[args[i]]; ok && args[i+1] == v {
			delete(want, args[i])
		}
	}
	return ip != "" && len(want) == 0
}
