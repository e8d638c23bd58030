// Package journal is the tamper-evident record of every change that clawsetup
// made to the set-up: who, when, from where, what was before and what after
// (control R-02).
//
// # Format
//
// journal.jsonl holds one record a line:
//
//	{"body":<RFC 8785 canonical JSON>,"hash":"<hex>","mac":"<hex>"}
//
// hash is SHA-256("clawsetup/journal/v1\n" ‖ body) over the bytes of the body as
// they are on disk; mac is HMAC-SHA256 of the hash under the journal key. A body
// starts with its place in the chain (log id, hash of the record before, sequence
// number, format version), which is why two equal changes never have equal records.
// The line's framing and the chain object stay the same in every later version.
//
// # Anchors
//
// A chain alone does not notice that its last records were cut off. The Head (log
// id, sequence number, hash, MAC) is therefore kept in two more places: the sidecar
// file "head", written after every Append, and an Anchor outside the folder, the OS
// keyring, written by Seal at the end of a transaction. The journal may be ahead
// of both, by what a crash can leave between two writes; it is never behind.
//
// # What it does not protect from
//
// Whoever has the keys can write a new journal that verifies. A process of the same
// user with an unlocked keyring has them: it can re-forge everything, both anchors
// included. Only a Head kept where that process cannot write, on another host or
// owned by root, would show it; `config-history verify` prints the Head for that
// purpose. What the journal does show is an edit, a removal, a reordering, a
// rollback or a replacement by anybody who has the files but not the keys, and damage by
// accident.
//
// # Secrets
//
// A record never holds a secret: secrets appear as keyed fingerprints, and the
// digest of a file that holds one is keyed too. Snapshots of files are encrypted.
package journal
