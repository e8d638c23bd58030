package safedial

import (
	"net/netip"

	"code.dny.dev/ssrf"
)

// Class says why an address is not an ordinary address of the Internet.
type Class string

// The classes of forbidden addresses. Loopback, Private, UniqueLocal and
// CarrierNAT are allowed by consent, the others never.
const (
	Loopback    Class = "loopback"
	Private     Class = "private"            // RFC 1918
	UniqueLocal Class = "unique local"       // fc00::/7
	CarrierNAT  Class = "carrier-grade NAT"  // 100.64.0.0/10
	LinkLocal   Class = "link-local"         // 169.254.0.0/16, fe80::/10, any zone
	Metadata    Class = "cloud metadata"     // of AWS, Azure, Google, Alibaba, Yandex and others
	Unspecified Class = "unspecified"        // 0.0.0.0 and ::
	ThisNetwork Class = "this-network"       // 0.0.0.0/8
	Multicast   Class = "multicast"          // 224.0.0.0/4, ff00::/8
	Broadcast   Class = "broadcast"          // 255.255.255.255
	Mapped      Class = "IPv4-mapped IPv6"   // ::ffff:0:0/96, and the older ::/96
	NAT64       Class = "NAT64"              // 64:ff9b::/96, 64:ff9b:1::/48
	SixToFour   Class = "6to4"               // 2002::/16
	Teredo      Class = "Teredo"             // 2001::/32
	Reserved    Class = "reserved"           // the rest of the IANA special-purpose registries
	OddNumber   Class = "oddly written IPv4" // 2130706433, 0x7f.1, 0177.0.0.1, 127.1
	public      Class = ""
)

// Consentable tells whether the operator's consent opens the class.
func (c Class) Consentable() bool {
	switch c {
	case Loopback, Private, UniqueLocal, CarrierNAT:
		return true
	default:
		return false
	}
}

type named struct {
	prefix netip.Prefix
	class  Class
}

// prefixes is searched in order. Metadata comes first: its addresses lie in
// ranges that consent would open (fd00:ec2::/32, 100.64.0.0/10), in public space
// (168.63.129.16), or in link-local space.
var prefixes = []named{
	{netip.MustParsePrefix("169.254.169.254/32"), Metadata}, // AWS, Azure, Google, Yandex, cloud.ru, OpenStack
	{netip.MustParsePrefix("169.254.170.0/24"), Metadata},   // AWS ECS and EKS credentials
	{netip.MustParsePrefix("168.63.129.16/32"), Metadata},   // Azure WireServer
	{netip.MustParsePrefix("100.100.100.200/32"), Metadata}, // Alibaba
	{netip.MustParsePrefix("192.0.0.192/32"), Metadata},     // Oracle
	{netip.MustParsePrefix("fd00:ec2::/32"), Metadata},      // AWS
	{netip.MustParsePrefix("fd20:ce::254/128"), Metadata},   // Google
	{netip.MustParsePrefix("0.0.0.0/32"), Unspecified},
	{netip.MustParsePrefix("::/128"), Unspecified},
	{netip.MustParsePrefix("0.0.0.0/8"), ThisNetwork},
	{netip.MustParsePrefix("127.0.0.0/8"), Loopback},
	{netip.MustParsePrefix("::1/128"), Loopback},
	{netip.MustParsePrefix("10.0.0.0/8"), Private},
	{netip.MustParsePrefix("172.16.0.0/12"), Private},
	{netip.MustParsePrefix("192.168.0.0/16"), Private},
	{netip.MustParsePrefix("fc00::/7"), UniqueLocal},
	{netip.MustParsePrefix("100.64.0.0/10"), CarrierNAT},
	{netip.MustParsePrefix("169.254.0.0/16"), LinkLocal},
	{netip.MustParsePrefix("fe80::/10"), LinkLocal},
	{netip.MustParsePrefix("224.0.0.0/4"), Multicast},
	{netip.MustParsePrefix("ff00::/8"), Multicast},
	{netip.MustParsePrefix("255.255.255.255/32"), Broadcast},
	{netip.MustParsePrefix("::/96"), Mapped},
	{netip.MustParsePrefix("64:ff9b::/96"), NAT64},
	{netip.MustParsePrefix("64:ff9b:1::/48"), NAT64},
	{netip.MustParsePrefix("2002::/16"), SixToFour},
	{netip.MustParsePrefix("2001::/32"), Teredo},
}

// registry refuses every special-purpose address, and every IPv6 address outside
// of global unicast.
var registry = ssrf.New(ssrf.WithAnyPort())

// classify names what forbids a; public when nothing does.
func classify(a netip.Addr) Class {
	if a.Is4In6() {
		// Prefixes of IPv4 do not contain it: nobody has a good reason to write it.
		return Mapped
	}
	if a.Zone() != "" {
		return LinkLocal
	}
	for _, p := range prefixes {
		if p.prefix.Contains(a) {
			return p.class
		}
	}
	if !a.IsValid() || registry.SafeAddr(a) != nil {
		return Reserved
	}
	return public
}
