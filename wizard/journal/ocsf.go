package journal

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"
)

// The class of every exported event: Entity Management, "activity … on a managed
// entity", whose description names policies and configurations. Device Config State
// Change (5019) is about what a scan found, not about who changed what. Source: the
// Open Cybersecurity Schema Framework, https://schema.ocsf.io/1.8.0.
const (
	ocsfVersion  = "1.8.0"
	ocsfCategory = 3 // Identity & Access Management
	ocsfClass    = 3004
)

// Values of OCSF's enumerations.
const (
	activityCreate = 1
	activityUpdate = 3
	activityDelete = 4
	otherID        = 99

	severityInformational = 1
	severityLow           = 2
	severityMedium        = 3

	statusUnknown = 0
	statusSuccess = 1
	statusFailure = 2
)

type ocsfEvent struct {
	ActivityID   int          `json:"activity_id"`
	ActivityName string       `json:"activity_name"`
	CategoryUID  int          `json:"category_uid"`
	CategoryName string       `json:"category_name"`
	ClassUID     int          `json:"class_uid"`
	ClassName    string       `json:"class_name"`
	TypeUID      int          `json:"type_uid"`
	SeverityID   int          `json:"severity_id"`
	StatusID     int          `json:"status_id"`
	Time         int64        `json:"time"` // milliseconds since 1970
	Message      string       `json:"message"`
	Actor        ocsfActor    `json:"actor"`
	Device       ocsfDevice   `json:"device"`
	Entity       ocsfEntity   `json:"entity"`
	EntityResult *ocsfEntity  `json:"entity_result,omitempty"`
	Metadata     ocsfMetadata `json:"metadata"`
	Unmapped     ocsfUnmapped `json:"unmapped"`
}

type ocsfActor struct {
	AppName string      `json:"app_name"`
	User    *ocsfUser   `json:"user,omitempty"`
	Process ocsfProcess `json:"process"`
}

type ocsfUser struct {
	Name string `json:"name,omitempty"`
	UID  string `json:"uid,omitempty"`
}

type ocsfProcess struct {
	PID     int          `json:"pid"`
	Parent  *ocsfProcess `json:"parent_process,omitempty"`
	Session *ocsfSession `json:"session,omitempty"`
}

type ocsfSession struct {
	Terminal string `json:"terminal"`
}

type ocsfDevice struct {
	Hostname string `json:"hostname,omitempty"`
	TypeID   int    `json:"type_id"` // 0: unknown
}

type ocsfEntity struct {
	Name   string    `json:"name"`
	UID    string    `json:"uid"`
	Type   string    `json:"type"`
	TypeID int       `json:"type_id"`
	Data   *ocsfData `json:"data,omitempty"`
}

// ocsfData is one side of a change.
type ocsfData struct {
	Files   []ocsfFile         `json:"files,omitempty"`
	Keys    []ocsfKey          `json:"keys,omitempty"`
	Secrets []ocsfSecretDigest `json:"secrets,omitempty"`
}

type ocsfFile struct {
	Path   string `json:"path"`
	Mode   string `json:"mode,omitempty"`
	Digest string `json:"digest,omitempty"`
}

type ocsfKey struct {
	File  string  `json:"file,omitempty"`
	Path  string  `json:"path"`
	Value *string `json:"value"`
}

type ocsfSecretDigest struct {
	Store       string `json:"store"`
	Name        string `json:"name"`
	Fingerprint string `json:"fingerprint,omitempty"`
}

type ocsfMetadata struct {
	Version      string      `json:"version"`
	Product      ocsfProduct `json:"product"`
	Profiles     []string    `json:"profiles"`
	UID          string      `json:"uid"`
	Sequence     uint64      `json:"sequence"`
	EventCode    string      `json:"event_code"`
	Correlation  string      `json:"correlation_uid,omitempty"`
	OriginalTime string      `json:"original_time"`
	LogName      string      `json:"log_name"`
	LogVersion   string      `json:"log_version"`
}

type ocsfProduct struct {
	Name       string `json:"name"`
	VendorName string `json:"vendor_name"`
	Version    string `json:"version"`
}

type ocsfUnmapped struct {
	Log      string            `json:"log"`
	Prev     string            `json:"prev"`
	Hash     string            `json:"hash"`
	MAC      string            `json:"mac"`
	Phase    Phase             `json:"phase"`
	SudoUser string            `json:"sudo_user,omitempty"`
	Detail   map[string]string `json:"detail,omitempty"`
	Controls []string          `json:"controls,omitempty"`
}

// ExportOCSF writes one Open Cybersecurity Schema Framework event a line for every
// record: class Entity Management, the state before in entity, the state after in
// entity_result, the record's place in the chain in unmapped. A journal that does
// not verify is written up to its last good record, followed by the error.
func (l *Log) ExportOCSF(w io.Writer) error {
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	for r, err := range l.Records(1) {
		if err == nil {
			err = enc.Encode(ocsf(r))
		}
		if err != nil {
			_ = out.Flush() // the first error is the one to tell
			return fmt.Errorf("exporting the journal: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("exporting the journal: %w", err)
	}
	return nil
}

func ocsf(r Record) ocsfEvent {
	id, name := activity(r)
	before, after := sides(r)
	e := ocsfEvent{
		ActivityID: id, ActivityName: name,
		CategoryUID: ocsfCategory, CategoryName: "Identity & Access Management",
		ClassUID: ocsfClass, ClassName: "Entity Management", TypeUID: ocsfClass*100 + id,
		SeverityID: severity(r.Event), StatusID: status(r), Time: r.Time.UnixMilli(),
		Message: message(r),
		Actor:   ocsfActor{AppName: "clawsetup", Process: ocsfProcess{PID: r.Actor.PID, Parent: &ocsfProcess{PID: r.Actor.PPID}}},
		Device:  ocsfDevice{Hostname: r.Actor.Host},
		Entity:  entity(r, before),
		Metadata: ocsfMetadata{
			Version: ocsfVersion, Product: ocsfProduct{Name: "clawsetup", VendorName: "clawsetup", Version: r.Tool},
			Profiles: []string{"host"}, UID: r.Log + "-" + strconv.FormatUint(r.Seq, 10), Sequence: r.Seq,
			EventCode: string(r.Event), Correlation: r.Tx, OriginalTime: r.Time.Format(time.RFC3339Nano),
			LogName: "clawsetup journal", LogVersion: strconv.Itoa(r.V),
		},
		Unmapped: ocsfUnmapped{
			Log: r.Log, Prev: r.Prev, Hash: r.Hash, MAC: r.MAC, Phase: r.Phase,
			SudoUser: r.Actor.SudoUser, Detail: r.Detail, Controls: r.Why,
		},
	}
	if r.Actor.User != "" || r.Actor.UID != "" {
		e.Actor.User = &ocsfUser{Name: r.Actor.User, UID: r.Actor.UID}
	}
	if r.Actor.TTY != "" {
		e.Actor.Process.Session = &ocsfSession{Terminal: r.Actor.TTY}
	}
	if after != nil {
		result := entity(r, after)
		e.EntityResult = &result
	}
	return e
}

func entity(r Record, data *ocsfData) ocsfEntity {
	return ocsfEntity{Name: "clawsetup installation", UID: r.Log, Type: "Configuration", TypeID: otherID, Data: data}
}

// sides splits the changes of r into before and after; both are nil when there
// are none.
func sides(r Record) (before, after *ocsfData) {
	if len(r.Files)+len(r.Keys)+len(r.Secrets) == 0 {
		return nil, nil
	}
	before, after = &ocsfData{}, &ocsfData{}
	for _, f := range r.Files {
		before.Files = append(before.Files, ocsfFile{f.Path, f.ModeBefore, f.Before})
		after.Files = append(after.Files, ocsfFile{f.Path, f.ModeAfter, f.After})
	}
	for _, k := range r.Keys {
		before.Keys = append(before.Keys, ocsfKey{k.File, k.Path, k.Old})
		after.Keys = append(after.Keys, ocsfKey{k.File, k.Path, k.New})
	}
	for _, s := range r.Secrets {
		before.Secrets = append(before.Secrets, ocsfSecretDigest{s.Store, s.Name, s.Old})
		after.Secrets = append(after.Secrets, ocsfSecretDigest{s.Store, s.Name, s.New})
	}
	return before, after
}

// activity tells what was done to the set-up; records that only frame a
// transaction did nothing to it themselves.
func activity(r Record) (int, string) {
	if r.Phase == PhaseGenesis {
		return activityCreate, "Create"
	}
	if r.Phase != PhaseEvent || len(r.Files)+len(r.Secrets) == 0 {
		return otherID, string(r.Event)
	}
	hadBefore, hasAfter := false, false
	for _, f := range r.Files {
		hadBefore, hasAfter = hadBefore || f.Before != "", hasAfter || f.After != ""
	}
	for _, s := range r.Secrets {
		hadBefore, hasAfter = hadBefore || s.Old != "", hasAfter || s.New != ""
	}
	switch {
	case !hadBefore && hasAfter:
		return activityCreate, "Create"
	case hadBefore && !hasAfter:
		return activityDelete, "Delete"
	}
	return activityUpdate, "Update"
}

func severity(e Event) int {
	switch e {
	case TornTailQuarantined:
		return severityMedium
	case Recovered, TransactionUndone, HardeningRelaxed, ConsentGiven, DriftRepaired:
		return severityLow
	default:
		return severityInformational
	}
}

func status(r Record) int {
	switch r.Phase {
	case PhaseIntent:
		return statusUnknown
	case PhaseUndone:
		return statusFailure
	default:
		return statusSuccess
	}
}

func message(r Record) string {
	who := r.Actor.User
	if r.Actor.SudoUser != "" {
		who = r.Actor.SudoUser + " as " + who
	}
	return fmt.Sprintf("%s by %s: %d files, %d settings, %d secrets", r.Event, who, len(r.Files), len(r.Keys), len(r.Secrets))
}
