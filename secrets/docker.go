package secrets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// maxDockerValue bounds a secret file, in bytes.
const maxDockerValue = 64 << 10

// ErrFolderOpen says that the folder of secret files lets other users in.
var ErrFolderOpen = errors.New("can be entered by other users")

// FileSystem is how the docker store touches the disk.
type FileSystem interface {
	// ReadFile returns the content of a regular file of at most limit bytes. For an
	// absent file the error satisfies errors.Is(err, fs.ErrNotExist).
	ReadFile(path string, limit int64) ([]byte, error)
	// WriteFile replaces the file atomically and durably, with exactly this mode,
	// and makes missing folders with mode 0700.
	WriteFile(path string, data []byte, mode fs.FileMode) error
	// Remove deletes the file; an absent file is no error.
	Remove(path string) error
}

// Docker keeps secrets as the files of compose `secrets:` entries.
//
// Compose bind-mounts such a file into the container with the owner and mode it
// has on the host, whatever uid, gid and mode the compose file asks for (Docker's
// documentation of compose secrets). The container runs under another uid, so the
// two files that it reads are 0444 inside a folder of mode 0700: the container
// sees the file, other users of the host do not get past the folder (I-01).
type Docker struct {
	dir  string
	disk FileSystem
}

// NewDocker keeps secrets in dir, which is made when the first one is stored.
func NewDocker(dir string, disk FileSystem) *Docker { return &Docker{dir: dir, disk: disk} }

// Kind is KindDocker.
func (d *Docker) Kind() Kind { return KindDocker }

// Get returns the exact bytes of the file; an empty file is ErrNotFound.
func (d *Docker) Get(ctx context.Context, name string) (Secret, error) {
	path, err := d.path(ctx, name)
	if err != nil {
		return Secret{}, dockerError("reading", name, err)
	}
	b, err := d.disk.ReadFile(path, maxDockerValue)
	defer clear(b)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Secret{}, dockerError("reading", name, ErrNotFound)
	case err != nil:
		return Secret{}, dockerError("reading", name, err)
	case len(b) == 0:
		return Secret{}, dockerError("reading", name, fmt.Errorf("%w: the file is empty", ErrNotFound))
	}
	return New(b), nil
}

// Set writes the file. A folder that other users can enter is ErrFolderOpen.
func (d *Docker) Set(ctx context.Context, name string, s Secret) error {
	path, err := d.path(ctx, name)
	if err != nil {
		return dockerError("storing", name, err)
	}
	if err := checkValue(s, maxDockerValue); err != nil {
		return dockerError("storing", name, err)
	}
	if err := checkPrivate(d.dir); err != nil {
		return dockerError("storing", name, err)
	}
	b := s.Expose()
	defer clear(b)
	if err := d.disk.WriteFile(path, b, dockerMode(name)); err != nil {
		return dockerError("storing", name, err)
	}
	return nil
}

// Delete removes the file.
func (d *Docker) Delete(ctx context.Context, name string) error {
	path, err := d.path(ctx, name)
	if err != nil {
		return dockerError("deleting", name, err)
	}
	if err := d.disk.Remove(path); err != nil {
		return dockerError("deleting", name, err)
	}
	return nil
}

// Reachable tells, without writing, whether files in the folder can be looked up.
func (d *Docker) Reachable(ctx context.Context) error {
	if _, err := d.Get(ctx, probePrefix+"absent"); err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

// Probe proves the store by a set, get and delete round trip of a random item. The
// folder it may have made stays, empty and 0700.
func (d *Docker) Probe(ctx context.Context) error {
	name, value, err := newProbe()
	if err != nil {
		return err
	}
	defer value.Wipe()
	err = d.Set(ctx, name, value)
	if err == nil {
		err = readBack(ctx, d, name, value)
	}
	// The probe goes also when the caller gave up meanwhile.
	return also(err, d.Delete(context.WithoutCancel(ctx), name))
}

// path is where name lies. It refuses bad names and a context that is over.
func (d *Docker) path(ctx context.Context, name string) (string, error) {
	if err := checkName(name); err != nil {
		return "", err
	}
	return filepath.Join(d.dir, name), ctx.Err()
}

func dockerMode(name string) fs.FileMode {
	if name == APIKey || name == ProxyToken {
		return 0o444
	}
	return 0o600
}

func dockerError(doing, name string, err error) error {
	if errors.Is(err, ErrName) {
		return fmt.Errorf("docker secrets: %s: %w", doing, err)
	}
	return fmt.Errorf("docker secrets: %s %s: %w", doing, name, err)
}

// checkPrivate refuses a folder in which a file of mode 0444 would be open to
// all. A missing folder passes: FileSystem makes it private. Who may own it, and
// whether it may be a link, is for FileSystem to say.
func checkPrivate(dir string) error {
	st, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if mode := st.Mode().Perm(); permissionsMeanSomething && mode&0o077 != 0 {
		return fmt.Errorf("the folder %s %w (mode %04o, not 0700)", dir, ErrFolderOpen, mode)
	}
	return nil
}
