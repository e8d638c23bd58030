package journal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/clawsetup/clawsetup/wizard/files"
)

// MaxSnapshot bounds the content of a snapshot, in bytes.
const MaxSnapshot = 16 << 20

// snapshotMagic starts every snapshot file and names its format.
const snapshotMagic = "clawsetup-snapshot-1\n"

// Snapshots keeps contents of files, encrypted with AES-256-GCM, under names
// that are keyed digests of the content: the same content is kept once, and a name
// says nothing to whoever lacks the key.
type Snapshots struct {
	disk   *files.Disk
	dir    string
	idKey  []byte
	cipher cipher.AEAD
}

// OpenSnapshots returns the snapshots beside the journal in dir. It writes
// nothing.
func OpenSnapshots(disk *files.Disk, dir string, keys Keys) (*Snapshots, error) {
	if err := keys.check(); err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derive(keys.Snapshot, "clawsetup/snapshot/v1/content"))
	if err != nil {
		return nil, fmt.Errorf("preparing the snapshot key: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("preparing the snapshot key: %w", err)
	}
	return &Snapshots{
		disk: disk, dir: filepath.Join(dir, "snapshots"),
		idKey: derive(keys.Snapshot, "clawsetup/snapshot/v1/id"), cipher: gcm,
	}, nil
}

// Put keeps content and returns its id. What is there already, intact, is not
// written again.
func (s *Snapshots) Put(content []byte) (string, error) {
	if len(content) > MaxSnapshot {
		return "", fmt.Errorf("keeping a snapshot of %d bytes: at most %d are kept", len(content), MaxSnapshot)
	}
	id := s.id(content)
	if _, err := s.Get(id); err == nil {
		return id, nil
	}
	nonce := make([]byte, s.cipher.NonceSize())
	_, _ = rand.Read(nonce) // never fails (crypto/rand)
	out := append([]byte(snapshotMagic), nonce...)
	out = s.cipher.Seal(out, nonce, content, []byte(snapshotMagic+id))
	if err := s.disk.WriteFile(s.path(id), out, 0o600); err != nil {
		return "", fmt.Errorf("keeping a snapshot: %w", err)
	}
	return id, nil
}

// Get returns the content kept under id; the error is ErrSnapshotMissing or
// ErrSnapshotCorrupt when it is not there or not what was put.
func (s *Snapshots) Get(id string) ([]byte, error) {
	if len(id) != hashLen || !isHex([]byte(id)) {
		return nil, fmt.Errorf("%w: this is no id of one", ErrSnapshotMissing)
	}
	limit := int64(MaxSnapshot + len(snapshotMagic) + s.cipher.NonceSize() + s.cipher.Overhead())
	f, err := s.disk.Read(s.path(id), limit)
	switch {
	case errors.Is(err, files.ErrTooLarge):
		return nil, fmt.Errorf("%w: %w", ErrSnapshotCorrupt, err)
	case err != nil:
		return nil, fmt.Errorf("reading a snapshot: %w", err)
	case !f.Exists:
		return nil, fmt.Errorf("%s: %w", s.path(id), ErrSnapshotMissing)
	}
	head := len(snapshotMagic) + s.cipher.NonceSize()
	if len(f.Data) < head || string(f.Data[:len(snapshotMagic)]) != snapshotMagic {
		return nil, fmt.Errorf("%s: %w", s.path(id), ErrSnapshotCorrupt)
	}
	content, err := s.cipher.Open(nil, f.Data[len(snapshotMagic):head], f.Data[head:], []byte(snapshotMagic+id))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.path(id), ErrSnapshotCorrupt)
	}
	return content, nil
}

func (s *Snapshots) id(content []byte) string {
	m := hmac.New(sha256.New, s.idKey)
	m.Write(content)
	return hex.EncodeToString(m.Sum(nil))
}

func (s *Snapshots) path(id string) string { return filepath.Join(s.dir, id) }
