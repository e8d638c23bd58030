package openclaw

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/openclaw/json5"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// MaxConfig is how large an openclaw.json may be; OpenClaw's own limit for an
// included file.
const MaxConfig = 2 << 20

// Edit is one key that changed.
type Edit struct {
	Path []string
	// Old and New are JSON; nil means absent.
	Old, New json.RawMessage
	// Sensitive means that Old or New may hold a credential of the operator.
	Sensitive bool
	Why       string
	Controls  []string
}

// Merge writes settings into current, the operator's file, nil when there is none.
// Everything else in it stays as it is, byte for byte. Merging again changes nothing.
func Merge(current []byte, settings []Setting) (after []byte, edits []Edit, err error) {
	doc, err := parseConfig(current)
	if err != nil {
		return nil, nil, err
	}
	before, err := parseConfig(current)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range settings {
		if err := apply(doc, s); err != nil {
			return nil, nil, hint.With(fmt.Errorf("merge openclaw.json: %w", err), "openclaw-config-shape", strings.Join(s.Path, "."))
		}
		e, changed, err := diff(before, doc, s.Path)
		if err != nil {
			return nil, nil, err
		}
		if changed {
			e.Why, e.Controls = s.Why, s.Controls
			edits = append(edits, e)
		}
	}
	if err := loadable(doc, settings); err != nil {
		return nil, nil, err
	}
	return doc.Bytes(), edits, nil
}

func parseConfig(b []byte) (*json5.Document, error) {
	if b == nil {
		b = []byte("{}\n")
	}
	if len(b) > MaxConfig {
		return nil, hint.With(fmt.Errorf("read openclaw.json: %d bytes are more than %d", len(b), MaxConfig), "openclaw-config-size")
	}
	doc, err := json5.Parse(b)
	if err != nil {
		return nil, hint.With(fmt.Errorf("read openclaw.json: %w", err), "openclaw-config-broken")
	}
	return doc, nil
}

// apply writes one setting unless what is there is as strict or stricter.
func apply(doc *json5.Document, s Setting) error {
	if s.when != nil && !s.when(doc) {
		return nil
	}
	old, exists := doc.Get(s.Path)
	switch {
	case s.Append:
		return appendMissing(doc, s, old, exists)
	case s.keep && exists:
		return nil
	case exists && s.withinLimit(old):
		return nil
	case s.order != nil && exists && s.asStrict(old):
		return nil
	}
	return doc.Set(s.Path, s.Value)
}

func appendMissing(doc *json5.Document, s Setting, old any, exists bool) error {
	values, ok := s.Value.([]string)
	if !ok {
		return fmt.Errorf("%s: the value to append is no list", strings.Join(s.Path, "."))
	}
	if !exists {
		return doc.Set(s.Path, values)
	}
	for _, v := range values {
		if contains(old, v) {
			continue
		}
		if err := doc.Append(s.Path, v); err != nil {
			return err
		}
	}
	return nil
}

// asStrict tells whether a value that is there comes no later in the order than ours.
func (s Setting) asStrict(old any) bool {
	text, _ := old.(string)
	ours, _ := s.Value.(string)
	i := slices.Index(s.order, text)
	return i >= 0 && i <= slices.Index(s.order, ours)
}

// withinLimit tells whether a number that is there is as strict as ours.
func (s Setting) withinLimit(old any) bool {
	n, ok := old.(json.Number)
	limit, isInt := s.Value.(int)
	if !ok || !isInt {
		return false
	}
	v, err := n.Float64()
	switch {
	case err != nil:
		return false
	case s.atLeast:
		return v >= float64(limit)
	}
	return s.atMost && v >= 1 && v <= float64(limit)
}

// loadable refuses a file in which the operator turned off what we rely on.
func loadable(doc *json5.Document, settings []Setting) error {
	deny, _ := doc.Get(path("plugins.deny"))
	for _, s := range settings {
		if len(s.Path) != 4 || s.Path[0] != "plugins" || s.Path[1] != "entries" {
			continue
		}
		if on, _ := doc.Get(path("plugins.enabled")); on == false {
			return hint.With(errors.New("merge openclaw.json: plugins.enabled is false, so no backend can load"), "openclaw-plugins-off")
		}
		if id := s.Path[2]; contains(deny, id) {
			return hint.With(fmt.Errorf("merge openclaw.json: plugins.deny holds %s", id), "openclaw-plugin-denied", id)
		}
	}
	return nil
}

// diff compares path in two documents.
func diff(before, after *json5.Document, p []string) (Edit, bool, error) {
	old, had := before.Get(p)
	now, has := after.Get(p)
	if had == has && reflect.DeepEqual(old, now) {
		return Edit{}, false, nil
	}
	e := Edit{Path: slices.Clone(p)}
	var err error
	if e.Old, err = raw(old, had); err == nil {
		e.New, err = raw(now, has)
	}
	e.Sensitive = sensitivePath(p) || sensitiveText(e.Old) || sensitiveText(e.New)
	if err != nil {
		return Edit{}, false, fmt.Errorf("compare %s in openclaw.json: %w", strings.Join(p, "."), err)
	}
	return e, true, nil
}

// raw encodes a value for the journal. Infinity and NaN, which JSON cannot hold,
// become strings.
func raw(v any, exists bool) (json.RawMessage, error) {
	if !exists {
		return nil, nil
	}
	if f, ok := v.(float64); ok {
		v = fmt.Sprint(f)
	}
	b, err := json.Marshal(v)
	var unsupported *json.UnsupportedValueError
	if errors.As(err, &unsupported) {
		return json.Marshal(text.Clean(fmt.Sprint(v), 200))
	}
	return b, err
}

// sensitivePath is true for keys at which people put credentials in the clear, for what is
// below them, and for the whole objects that hold such keys.
func sensitivePath(p []string) bool {
	last := strings.ToLower(p[len(p)-1])
	return secrets.MayHoldCredential(last) || strings.Contains(last, "key") || slices.Contains([]string{"secrets", BackendID, SecretProvider}, last) ||
		slices.ContainsFunc(p, func(key string) bool { return strings.EqualFold(key, "env") || strings.EqualFold(key, "headers") })
}

// sensitiveText tells a value in which there is something that a diff would hide.
func sensitiveText(value json.RawMessage) bool {
	return secrets.HideCredentials(string(value)) != string(value)
}

// Revert takes the keys at paths back to what target has, keeping everything else
// of current, the operator's later edits included. applied is the file as we wrote
// it: in a list only the elements that we added go, and those that we removed come
// back. A nil applied sets lists as a whole; a nil target is no file.
func Revert(current, applied, target []byte, paths [][]string) ([]byte, []Edit, error) {
	var docs [4]*json5.Document
	for i, b := range [][]byte{current, current, applied, target} {
		doc, err := parseConfig(b)
		if err != nil {
			return nil, nil, err
		}
		docs[i] = doc
	}
	doc, before, wrote, want := docs[0], docs[1], docs[2], docs[3]
	if applied == nil {
		wrote = nil
	}
	var edits []Edit
	for _, p := range paths {
		if len(p) == 0 {
			return nil, nil, errors.New("revert openclaw.json: an empty path")
		}
		if err := revert(doc, wrote, want, p); err != nil {
			return nil, nil, fmt.Errorf("revert openclaw.json: %w", err)
		}
		e, changed, err := diff(before, doc, p)
		if err != nil {
			return nil, nil, err
		}
		if changed {
			edits = append(edits, e)
		}
	}
	return doc.Bytes(), edits, nil
}

func revert(doc, wrote, want *json5.Document, p []string) error {
	if done, err := revertList(doc, wrote, want, p); done || err != nil {
		return err
	}
	if old, ok := want.Raw(p); ok {
		return doc.SetRaw(p, old)
	}
	if err := doc.Remove(p); err != nil {
		return err
	}
	return prune(doc, want, p)
}

// revertList undoes the elements that differ between want and wrote in the list
// that current has now.
func revertList(doc, wrote, want *json5.Document, p []string) (bool, error) {
	now, _ := doc.Get(p)
	if _, isList := now.([]any); wrote == nil || !isList {
		return false, nil
	}
	ours, _ := wrote.Get(p)
	theirs, wanted := want.Get(p)
	ourList, ok := ours.([]any)
	theirList, ok2 := theirs.([]any)
	if !ok || (wanted && !ok2) || !scalars(ourList) || !scalars(theirList) {
		return false, nil
	}
	err := doc.RemoveElements(p, func(v any) bool { return contains(ourList, v) && !contains(theirList, v) })
	if err != nil {
		return true, err
	}
	for _, v := range theirList {
		if now, _ = doc.Get(p); !contains(now, v) && !contains(ourList, v) {
			if err := doc.Append(p, v); err != nil {
				return true, err
			}
		}
	}
	if now, _ = doc.Get(p); !wanted && len(now.([]any)) == 0 {
		if err := doc.Remove(p); err != nil {
			return true, err
		}
		return true, prune(doc, want, p)
	}
	return true, nil
}

func scalars(list []any) bool {
	return !slices.ContainsFunc(list, func(v any) bool {
		switch v.(type) {
		case map[string]any, []any:
			return true
		}
		return false
	})
}

// prune removes the parents of p that are empty now and that want does not have.
func prune(doc, want *json5.Document, p []string) error {
	for n := len(p) - 1; n > 0; n-- {
		v, ok := doc.Get(p[:n])
		if m, isObject := v.(map[string]any); !ok || !isObject || len(m) > 0 || want.Has(p[:n]) {
			return nil
		}
		if inside, _ := doc.Raw(p[:n]); bytes.ContainsRune(inside, '/') {
			// A comment of the operator lives in it.
			return nil
		}
		if err := doc.Remove(p[:n]); err != nil {
			return err
		}
	}
	return nil
}

// channelName fits the channels whose settings can be named by a path.
var channelName = text.Pattern(`^[a-z][a-z0-9_-]{0,40}$`)

// mostChannels bounds how many channels of a file are looked at.
const mostChannels = 50

// Channels are the names of the channels that a file configures, sorted.
func Channels(config []byte) ([]string, error) {
	doc, err := parseConfig(config)
	if err != nil {
		return nil, err
	}
	all, _ := doc.Get(path("channels"))
	channels, _ := all.(map[string]any)
	var out []string
	for _, name := range sortedKeys(channels) {
		if _, isObject := channels[name].(map[string]any); isObject && name != "defaults" && channelName().MatchString(name) && len(out) < mostChannels {
			out = append(out, name)
		}
	}
	return out, nil
}

// AsksForGatewayToken tells whether the gateway of a file takes its token from us.
func AsksForGatewayToken(config []byte) (bool, error) {
	doc, err := parseConfig(config)
	if err != nil {
		return false, err
	}
	v, _ := doc.Get(path("gateway.auth.token"))
	ref, _ := v.(map[string]any)
	return ref["provider"] == SecretProvider && ref["id"] == SecretGatewayToken, nil
}

// Has tells whether a file sets the key.
func Has(config []byte, p []string) (bool, error) {
	doc, err := parseConfig(config)
	return err == nil && doc.Has(p), err
}

// stamps are keys that OpenClaw itself writes into the file, and that a later release
// may refuse.
var stamps = []string{"meta.lastTouchedAt", "meta.lastTouchedVersion"}

// IsStamp tells whether a key is one of OpenClaw's own marks, which nobody misses.
func IsStamp(p []string) bool { return slices.Contains(stamps, strings.Join(p, ".")) }

// DropStamps removes the marks of an earlier release that the schema does not know.
func DropStamps(current []byte, schema *Schema) ([]byte, []Edit, error) {
	if current == nil {
		return nil, nil, nil
	}
	doc, err := parseConfig(current)
	if err != nil {
		return nil, nil, err
	}
	before, err := parseConfig(current)
	if err != nil {
		return nil, nil, err
	}
	var edits []Edit
	for _, s := range stamps {
		p := path(s)
		if !doc.Has(p) || schema.Has(p) {
			continue
		}
		if err := errors.Join(doc.Remove(p), pruneUnknown(doc, schema, p)); err != nil {
			return nil, nil, fmt.Errorf("merge openclaw.json: %w", err)
		}
		e, _, err := diff(before, doc, p)
		if err != nil {
			return nil, nil, err
		}
		edits = append(edits, e)
	}
	return doc.Bytes(), edits, nil
}

// pruneUnknown removes the parent of p as well when it is empty and refused too.
func pruneUnknown(doc *json5.Document, schema *Schema, p []string) error {
	parent := p[:len(p)-1]
	v, _ := doc.Get(parent)
	if m, isObject := v.(map[string]any); !isObject || len(m) > 0 || schema.Has(parent) {
		return nil
	}
	return doc.Remove(parent)
}
