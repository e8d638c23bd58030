package openclaw

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/clawsetup/clawsetup/wizard/claude/command"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// auditTimeout bounds `openclaw security audit`, which takes about 4 seconds: most of it
// to start. auditLimit bounds what is read of its answer, in bytes.
const (
	auditTimeout = 20 * time.Second
	auditLimit   = 4 << 20
)

// Audit is what `openclaw security audit --json` prints of the configuration at config.
// OpenClaw keeps a database in the folder of its state and makes it when it is missing:
// where there is none the audit is given an empty folder, which is deleted again, and
// looks at no more than the configuration. It resolves the references to secrets, as the
// gateway does: a token that cannot be had passes for none.
func (in Install) Audit(ctx context.Context, config string) ([]byte, error) {
	env := append(command.Environment(passEnv), "OPENCLAW_CONFIG_PATH="+config)
	if _, err := os.Stat(filepath.Join(filepath.Dir(config), "state")); err != nil {
		dir, err := os.MkdirTemp("", "clawsetup-audit-")
		if err != nil {
			return nil, fmt.Errorf("ask openclaw for its audit: %w", err)
		}
		defer func() { _ = os.RemoveAll(dir) }() // what is left holds no secret
		env = append(env, "OPENCLAW_STATE_DIR="+dir)
	}
	result, err := in.run(ctx, auditTimeout, auditLimit, env, "security", "audit", "--json")
	switch {
	case err != nil:
		return nil, fmt.Errorf("ask openclaw for its audit: %w", err)
	case result.Truncated:
		return nil, errors.New("ask openclaw for its audit: its answer is too long")
	case result.Code != 0:
		return nil, fmt.Errorf("ask openclaw for its audit: exit code %d: %s", result.Code, text.Clean(string(result.Stderr), 200))
	}
	return result.Stdout, nil
}
