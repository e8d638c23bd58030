package imagetest

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Lie is a way in which a registry serves something other than it should.
type Lie int

// The lies.
const (
	// Truth is no lie.
	Truth Lie = iota
	// FalseHeader claims the digest FalseDigest for every manifest.
	FalseHeader
	// SwappedManifest serves other content of the same size and shape for a manifest
	// asked for by digest.
	SwappedManifest
	// SwappedBlob does the same to blobs.
	SwappedBlob
	// TruncatedManifest ends manifests early, with a matching length.
	TruncatedManifest
	// BrokenManifest announces a whole manifest and breaks the connection after half.
	BrokenManifest
	// TruncatedBlob ends blobs early, with a matching length.
	TruncatedBlob
	// HugeManifest serves manifests of more than 4 MiB without announcing it.
	HugeManifest
	// HugeBlob serves blobs of more than 8 MiB without announcing it.
	HugeBlob
	// ConfusedType serves an index as a manifest and a manifest as an index.
	ConfusedType
	// SchemaOne serves manifests as the old schema 1 and claims FalseDigest.
	SchemaOne
)

// FalseDigest is what a lying registry claims in its headers.
const FalseDigest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// recorder holds the true answer until the lie is told.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recorder) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(b)
}

// tell writes the answer, changed as the lie demands.
func (l Lie) tell(w http.ResponseWriter, req *http.Request, answer *recorder) {
	answer.WriteHeader(http.StatusOK)
	body := answer.body.Bytes()
	announce := len(body)
	if answer.status == http.StatusOK {
		manifest := strings.Contains(req.URL.Path, "/manifests/")
		blob := strings.Contains(req.URL.Path, "/blobs/")
		byDigest := strings.Contains(req.URL.Path, "/manifests/sha256:")
		body, announce = l.change(answer.header, body, manifest, blob, byDigest)
	}
	answer.header.Del("Content-Length")
	for k, v := range answer.header {
		w.Header()[k] = v
	}
	if announce >= 0 {
		w.Header().Set("Content-Length", strconv.Itoa(announce))
	}
	w.WriteHeader(answer.status)
	if req.Method != http.MethodHead {
		_, _ = w.Write(body) //nolint:gosec // registry content, not a page
	}
}

// change returns the body to send and the length to announce, -1 for none.
func (l Lie) change(h http.Header, body []byte, manifest, blob, byDigest bool) ([]byte, int) {
	length := len(body)
	switch {
	case l == FalseHeader && manifest:
		h.Set("Docker-Content-Digest", FalseDigest)
	case l == SwappedManifest && byDigest, l == SwappedBlob && blob:
		body = forge(body)
	case l == TruncatedManifest && manifest, l == TruncatedBlob && blob:
		body = body[:length/2]
		length = len(body)
	case l == BrokenManifest && manifest:
		body = body[:length/2]
	case l == HugeManifest && manifest:
		body, length = append(bytes.Clone(body), bytes.Repeat([]byte(" "), 5<<20)...), -1
	case l == HugeBlob && blob:
		body, length = append(bytes.Clone(body), bytes.Repeat([]byte(" "), 9<<20)...), -1
	case l == ConfusedType && manifest:
		h.Set("Content-Type", string(otherKind(types.MediaType(h.Get("Content-Type")))))
	case l == SchemaOne && manifest:
		h.Set("Content-Type", string(types.DockerManifestSchema1Signed))
		h.Set("Docker-Content-Digest", FalseDigest)
	}
	return body, length
}

// forge changes one digit of the last digest in body, so that it stays a valid
// document, or, where there is none, its last byte.
func forge(body []byte) []byte {
	body = bytes.Clone(body)
	i := len(body) - 1
	if at := bytes.LastIndex(body, []byte("sha256:")); at >= 0 && at+len("sha256:") < len(body) {
		i = at + len("sha256:")
	}
	switch {
	case i < 0:
	case body[i] == '0':
		body[i] = '1'
	default:
		body[i] = '0'
	}
	return body
}

func otherKind(t types.MediaType) types.MediaType {
	if t.IsIndex() {
		return types.OCIManifestSchema1
	}
	return types.OCIImageIndex
}
