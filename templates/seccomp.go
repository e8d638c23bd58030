package templates

import (
	"bytes"
	_ "embed"
)

//go:embed seccomp.json
var seccomp []byte

// Seccomp returns the container's system call filter (E-01): everything fails with
// EPERM but what a Python proxy on asyncio or uvloop, its shell wrapper, Docker's init and
// runc need. It was traced with uvicorn, httpx and OpenSSL on CPython 3.11; the
// test names the reason of every call. Three calls are narrowed:
//
//   - clone may not make a namespace (the mask is every CLONE_NEW flag);
//   - clone3 answers ENOSYS, so that the C library falls back to clone, whose
//     flags a filter can see;
//   - socket makes Unix, IPv4, IPv6 and netlink sockets only (the C library's name
//     lookup asks netlink), no packet, vsock or kernel crypto sockets.
//
// Only the 64-bit ABIs of amd64 and arm64 are known; a 32-bit program is killed.
// The engine accepts the profile only together with no-new-privileges.
func Seccomp() []byte { return bytes.Clone(seccomp) }
