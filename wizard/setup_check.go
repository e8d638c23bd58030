package wizard

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/templates"
	"github.com/clawsetup/clawsetup/wizard/doctor"
	"github.com/clawsetup/clawsetup/wizard/image"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// check refuses what would later reach a file or a command line unseen.
func (s Setup) check() error {
	if s.Version != SetupVersion {
		return fmt.Errorf("version: %d is not %d", s.Version, SetupVersion)
	}
	if s.Store != "" && s.Store != secrets.KindKeyring && s.Store != secrets.KindDocker {
		return fmt.Errorf("store: %q is neither keyring nor docker", text.Clean(string(s.Store), 40))
	}
	if s.Port < 0 || s.Port > 65535 {
		return fmt.Errorf("port: %d is not between 1 and 65535", s.Port)
	}
	if d := s.Claude.RetentionDays; d < 0 || d > longestRetention {
		return fmt.Errorf("claude.retention_days: %d is not between 0 and %d", d, longestRetention)
	}
	for name, d := range map[string]string{"digest": s.Image.Digest, "platform_digest": s.Image.PlatformDigest, "config_digest": s.Image.ConfigDigest} {
		if d == "" {
			continue
		}
		if _, err := image.ParseDigest(d); err != nil {
			return fmt.Errorf("image.%s: %w", name, err)
		}
	}
	for _, check := range []func() error{s.checkHardening, s.OpenClaw.check, func() error { return doctor.CheckWaivers(s.Waivers) }} {
		if err := check(); err != nil {
			return err
		}
	}
	for i, d := range s.Image.KnownGood {
		if _, err := image.ParseDigest(d); err != nil {
			return fmt.Errorf("image.known_good, entry %d: %w", i+1, err)
		}
	}
	if s.Key.Added != "" {
		if _, err := time.Parse(time.DateOnly, s.Key.Added); err != nil {
			return fmt.Errorf("key.added: %q is not a date like 2026-11-22", text.Clean(s.Key.Added, 40))
		}
	}
	for name, v := range s.strings() {
		if v != text.Clean(v, 4096) {
			return fmt.Errorf("%s: holds control or invisible characters", name)
		}
	}
	for name, p := range map[string]string{"dir": s.Dir, "openclaw.config": s.OpenClaw.Config, "claude.path": s.Claude.Path, "image.cosign_key": s.Image.CosignKey} {
		if p != "" && !filepath.IsAbs(p) {
			return fmt.Errorf("%s: %q is not an absolute path", name, text.Clean(p, 200))
		}
	}
	return nil
}

// mostKept bounds Kept.
const mostKept = 200

func (o OpenClawSetup) check() error {
	if o.Hardening != "" {
		if _, err := openclaw.ParseParts(o.Hardening); err != nil {
			return fmt.Errorf("openclaw.hardening: %w", err)
		}
	}
	if len(o.Kept) > mostKept {
		return fmt.Errorf("openclaw.kept: more than %d keys", mostKept)
	}
	for _, v := range append([]string{o.Version, string(o.Contract)}, o.Kept...) {
		if v != text.Clean(v, 200) {
			return errors.New("openclaw: a value holds control or invisible characters, or is too long")
		}
	}
	return nil
}

func (s Setup) checkHardening() error {
	for name, d := range map[string]string{"image.hardening.tried": s.Image.Hardening.Tried, "egress.gateway": s.Egress.Gateway} {
		if d == "" {
			continue
		}
		if _, err := image.ParseDigest(d); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for i, r := range s.Image.Hardening.Relaxed {
		where := fmt.Sprintf("image.hardening.relaxed, entry %d", i+1)
		if !slices.Contains(relaxations, r.What) {
			return fmt.Errorf("%s: %q is no relaxation", where, text.Clean(string(r.What), 40))
		}
		if (r.What == RelaxTmpfs) != (r.Path != "") {
			return fmt.Errorf("%s: a path goes with %s alone", where, RelaxTmpfs)
		}
		if r.Path != "" {
			if err := templates.CheckTmpfs(r.Path); err != nil {
				return fmt.Errorf("%s: %w", where, err)
			}
		}
		if r.Control != text.Clean(r.Control, 20) || r.Why != text.Clean(r.Why, longestWhy) {
			return fmt.Errorf("%s: holds control or invisible characters", where)
		}
	}
	return nil
}

// longestWhy bounds the reason of a relaxation, in characters.
const longestWhy = 300

func (s Setup) strings() map[string]string {
	return map[string]string{
		"written_by": s.WrittenBy, "api.base": s.API.Base, "key.label": s.Key.Label, "key.fingerprint": s.Key.Fingerprint,
		"models.preset": s.Models.Preset, "models.big.id": s.Models.Big.ID,
		"models.middle.id": s.Models.Middle.ID, "models.small.id": s.Models.Small.ID,
		"image.reference": s.Image.Reference, "image.trust": s.Image.Trust, "image.cosign_key": s.Image.CosignKey,
		"image.run_as": s.Image.RunAs, "dir": s.Dir, "openclaw.mode": s.OpenClaw.Mode,
		"openclaw.config": s.OpenClaw.Config, "claude.path": s.Claude.Path, "claude.version": s.Claude.Version,
		"claude.sha256": s.Claude.SHA256, "login.docker_host": s.Login.DockerHost, "watch.docker_host": s.Watch.DockerHost,
	}
}
