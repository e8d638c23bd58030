package secrets

import (
	"sync"
	"testing"
)

func testKeyring(t *testing.T, scope string, b backend) *Keyring {
	t.Helper()
	k := NewKeyring(scope)
	k.os, k.turns = b, &turns{}
	return k
}

// memory is a keyring that always works.
type memory struct {
	mu    sync.Mutex
	items map[string]string
}

func (m *memory) get(user string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.items[user]
	if !ok {
		return "", ErrNotFound
	}
	return v, nil
}

func (m *memory) set(user, value string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.items == nil {
		m.items = map[string]string{}
	}
	m.items[user] = value
	return nil
}

func (m *memory) remove(user string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.items[user]; !ok {
		return ErrNotFound
	}
	delete(m.items, user)
	return nil
}

func (m *memory) len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.items)
}

// locked is a keyring whose prompt is answered when unlocked is closed.
type locked struct {
	memory
	unlocked chan struct{}
}

func (l *locked) get(user string) (string, error) { <-l.unlocked; return l.memory.get(user) }
func (l *locked) set(user, value string) error    { <-l.unlocked; return l.memory.set(user, value) }
func (l *locked) remove(user string) error        { <-l.unlocked; return l.memory.remove(user) }

type brokenBackend struct{ err error }

func (b brokenBackend) get(string) (string, error) { return "", b.err }
func (b brokenBackend) set(string, string) error   { return b.err }
func (b brokenBackend) remove(string) error        { return b.err }

// hooked is memory with steps replaced.
type hooked struct {
	memory
	onGet    func(user string) (string, error)
	onSet    func(user, value string) error
	onRemove func(user string) error
}

func (h *hooked) get(user string) (string, error) {
	if h.onGet != nil {
		return h.onGet(user)
	}
	return h.memory.get(user)
}

func (h *hooked) set(user, value string) error {
	if h.onSet != nil {
		return h.onSet(user, value)
	}
	return h.memory.set(user, value)
}

func (h *hooked) remove(user string) error {
	if h.onRemove != nil {
		return h.onRemove(user)
	}
	return h.memory.remove(user)
}
