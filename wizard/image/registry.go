package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// session is an authenticated conversation with one repository.
type session struct {
	ref    reference
	repo   name.Repository
	client *http.Client
}

// document is what the registry served, with the digest of the bytes that were read.
type document struct {
	body      []byte
	mediaType types.MediaType
	digest    string
}

// open asks the registry how it wants to be spoken to and logs in.
func (r *Resolver) open(ctx context.Context, ref reference) (*session, error) {
	if r.Transport == nil {
		return nil, errors.New("reading an image: the resolver has no transport")
	}
	repo, err := ref.remote()
	if err != nil {
		return nil, err
	}
	s := &session{ref: ref, repo: repo}
	auth, err := r.credentials(ctx, repo)
	if err != nil {
		return nil, err
	}
	rt, err := transport.NewWithContext(ctx, repo.Registry, auth, r.transport(), []string{repo.Scope(transport.PullScope)})
	if err != nil {
		return nil, s.failed(ctx, "logging in", err)
	}
	s.client = &http.Client{Transport: rt, CheckRedirect: checkRedirect}
	return s, nil
}

// transport guards and retries the caller's transport. A rate limit is not
// retried: Docker Hub's lasts for hours.
func (r *Resolver) transport() http.RoundTripper {
	retrying := transport.NewRetry(&guard{inner: r.Transport},
		transport.WithRetryBackoff(transport.Backoff{Duration: 200 * time.Millisecond, Factor: 3, Jitter: 0.1, Steps: 3}),
		transport.WithRetryPredicate(transient),
		transport.WithRetryStatusCodes(http.StatusRequestTimeout, http.StatusInternalServerError,
			http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout))
	return transport.NewUserAgent(retrying, "clawsetup")
}

// transient says whether another attempt may help: the connection broke, or the
// registry itself is in trouble.
func transient(err error) bool {
	var answered *transport.Error // only for the status codes given to NewRetry
	return errors.As(err, &answered) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
}

// manifest reads the manifest or index named by id, a tag or a digest. A digest
// that the body does not have is an error.
func (s *session) manifest(ctx context.Context, id string, accept []types.MediaType) (document, error) {
	d, err := s.get(ctx, "manifests", id, accept, maxManifest)
	if err != nil {
		return document{}, err
	}
	if strings.HasPrefix(id, "sha256:") && d.digest != id {
		return document{}, s.content("manifest "+id, "the registry served other content, with the digest %s", d.digest)
	}
	return d, nil
}

// blob reads the blob with the given digest, of exactly size bytes and at most
// limit.
func (s *session) blob(ctx context.Context, digest v1.Hash, size, limit int64) ([]byte, error) {
	want := digest.String()
	if !reDigest().MatchString(want) {
		return nil, s.content("manifest", "it names a blob that has no sha256 digest")
	}
	if size < 0 || size > limit {
		return nil, s.content("blob "+want, "a size of %d bytes is claimed; at most %d are accepted", size, limit)
	}
	d, err := s.get(ctx, "blobs", want, nil, limit)
	if err != nil {
		return nil, err
	}
	if d.digest != want || int64(len(d.body)) != size {
		return nil, s.content("blob "+want, "the registry served %d bytes with the digest %s instead of %d bytes",
			len(d.body), d.digest, size)
	}
	return d.body, nil
}

// get reads one resource of the repository, of at most limit bytes, and hashes it.
// No header but Content-Type is looked at.
func (s *session) get(ctx context.Context, resource, id string, accept []types.MediaType, limit int64) (document, error) {
	doing := "reading " + strings.TrimSuffix(resource, "s") + " " + id
	u := url.URL{
		Scheme: s.repo.Scheme(),
		Host:   s.repo.RegistryStr(),
		Path:   fmt.Sprintf("/v2/%s/%s/%s", s.repo.RepositoryStr(), resource, id),
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return document{}, s.failed(ctx, doing, err)
	}
	for _, t := range accept {
		req.Header.Add("Accept", string(t))
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return document{}, s.failed(ctx, doing, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := transport.CheckError(resp, http.StatusOK); err != nil {
		return document{}, s.failed(ctx, doing, err)
	}
	if resp.ContentLength > limit {
		return document{}, s.content(doing, "%d bytes are announced; at most %d are accepted", resp.ContentLength, limit)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if errors.Is(err, io.ErrUnexpectedEOF) && ctx.Err() == nil {
		return document{}, s.content(doing, "the body ends after %d of %d bytes", len(body), resp.ContentLength)
	}
	if err != nil {
		return document{}, s.failed(ctx, doing, err)
	}
	if int64(len(body)) > limit {
		return document{}, s.content(doing, "it is larger than %d bytes", limit)
	}
	return document{body: body, mediaType: mediaType(resp), digest: hash(body)}, nil
}

// mediaType is what the answer was served as, or empty if it does not say.
func mediaType(resp *http.Response) types.MediaType {
	t, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return types.MediaType(t)
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}
