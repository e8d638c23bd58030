// Package safedial connects to addresses that an operator, a file or a server
// named, and to nothing on this machine, in its networks or in the metadata service
// of its cloud (A6, S-04).
//
// A name is resolved once, every address it has is checked, and a checked address
// is dialled: a name that changes its mind afterwards changes nothing. The kernel's
// own idea of the address is checked once more on the socket before it connects.
//
// What is forbidden comes from the IANA special-purpose registries, by way of
// code.dny.dev/ssrf; this package names the class of an address, adds the metadata
// addresses that lie in other ranges, and knows which classes an operator may
// consent to.
package safedial
