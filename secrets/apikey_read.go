package secrets

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// maxKeyInput bounds what is read in search of a key: the key and generous blanks.
const maxKeyInput = 64 << 10

// ErrNotRegular says that a key file is a folder, a pipe, a socket or a device.
var ErrNotRegular = errors.New("is not a regular file")

// ReadAPIKey reads r to its end and parses it as ParseAPIKey does. More than
// 64 KiB is ErrTooLong, and the rest is left unread.
func ReadAPIKey(r io.Reader) (Secret, error) {
	buf := make([]byte, maxKeyInput+1)
	defer clear(buf)
	n, err := io.ReadFull(r, buf)
	switch {
	case err == nil:
		return Secret{}, &KeyError{Err: ErrTooLong, Length: n}
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return Secret{}, fmt.Errorf("reading the API key: %w", err)
	}
	return ParseAPIKey(buf[:n])
}

// Warning says that a key file can be read by others than its owner.
type Warning struct {
	Path string
	// Mode holds the permission bits alone.
	Mode fs.FileMode
}

// ReadAPIKeyFile reads the key in the file at path. Symbolic links are followed,
// since container secrets are links; anything but a regular file is ErrNotRegular, without
// waiting for the writer of a pipe. A file that others can read gives a Warning
// beside the key; on Windows, where permission bits say nothing, never.
func ReadAPIKeyFile(path string) (Secret, []Warning, error) {
	f, err := openKeyFile(path)
	if err != nil {
		return Secret{}, nil, fmt.Errorf("opening the key file: %w", err)
	}
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	if err != nil {
		return Secret{}, nil, fmt.Errorf("looking at the key file: %w", err)
	}
	if err := checkRegular(path, st); err != nil {
		return Secret{}, nil, err
	}
	key, err := ReadAPIKey(f)
	if err != nil {
		return Secret{}, nil, fmt.Errorf("key file %s: %w", path, err)
	}
	if mode := st.Mode().Perm(); permissionsMeanSomething && mode&0o077 != 0 {
		return key, []Warning{{Path: path, Mode: mode}}, nil
	}
	return key, nil, nil
}

func checkRegular(path string, st os.FileInfo) error {
	if st.Mode().IsRegular() {
		return nil
	}
	return fmt.Errorf("key file %s: %w but %s", path, ErrNotRegular, fileKind(st.Mode()))
}

func fileKind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}
