package doctor

import "context"

// skillChecks ask where skills come from.
func skillChecks() []Check { return hardenedChecks(AreaSkills) }

// AcceptChange is a skill or plugin that would be accepted anew, or is no longer there.
type AcceptChange struct{ What, Kind, Name, Path string }

// Accept is a stand-in until the inventory is merged.
func Accept(_ context.Context, _ *Host, old []byte) ([]byte, []AcceptChange, []Gap, error) {
	return old, nil, nil, nil
}

// End is a stand-in until the processes are merged.
func End(context.Context, Process) error { return nil }
