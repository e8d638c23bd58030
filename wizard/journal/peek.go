package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"maps"

	"github.com/clawsetup/clawsetup/wizard/files"
)

// Peek reads the first record without checking anything but its form: enough to
// learn where the keys are, not to be believed. ErrNoJournal when there is
// none.
func Peek(disk *files.Disk, dir string) (Genesis, error) {
	p := paths{disk, dir}
	f, err := p.open()
	if errors.Is(err, fs.ErrNotExist) {
		return Genesis{}, fmt.Errorf("%s: %w", p.journal(), ErrNoJournal)
	}
	if err != nil {
		return Genesis{}, fmt.Errorf("opening the journal: %w", err)
	}
	defer func() { _ = f.Close() }()
	line, err := bufio.NewReaderSize(f, maxLine).ReadSlice('\n')
	if err != nil {
		return Genesis{}, fmt.Errorf("reading the first record of %s: %w", p.journal(), err)
	}
	first, err := parseLine(line[:len(line)-1])
	if errors.Is(err, errVersion) {
		return Genesis{}, newer(fmt.Errorf("reading the first record of %s: %w", p.journal(), err), p.journal(), newChain(nil).writer(first))
	}
	if err != nil {
		return Genesis{}, fmt.Errorf("reading the first record of %s: %w", p.journal(), err)
	}
	r, err := first.decode()
	if err != nil {
		return Genesis{}, fmt.Errorf("reading the first record of %s: %w", p.journal(), err)
	}
	detail := maps.Clone(r.Detail)
	delete(detail, detailStore)
	return Genesis{Store: r.Detail[detailStore], Detail: detail}, nil
}
