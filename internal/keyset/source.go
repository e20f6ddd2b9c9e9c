package keyset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/metadata"
)

// Source is where a key set comes from. Fetch is never called concurrently by one
// Set. revalidate asks for the newest state, past any cache.
//
// A source with a method Reject() is told when a document that it brought is no usable
// key set.
type Source interface {
	Fetch(ctx context.Context, revalidate bool) (Document, error)
}

// Document is a JWK Set as text.
type Document struct {
	Body   []byte
	MaxAge *time.Duration // how long the server calls it fresh; nil: it says nothing
	Final  bool           // it never changes
}

// Error says how a fetch failed. Outcome is a word of a closed set: outbound's
// words, and status, discovery, file, empty, too_many_keys, malformed, panic.
type Error struct {
	Outcome    string
	RetryAfter time.Duration // as the server asked; 0 if it did not
	Err        error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Outcomes are all that a [Fetch] may say: the closed set of its metric label.
var Outcomes = []string{"ok", "status", "discovery", "file", "empty", "too_many_keys", "malformed", "panic", "other",
	string(outbound.BadURL), string(outbound.RefusedAddress), string(outbound.DNS), string(outbound.Connect), string(outbound.TLS),
	string(outbound.Timeout), string(outbound.Canceled), string(outbound.Redirect), string(outbound.Encoding), string(outbound.Truncated),
	string(outbound.Protocol), string(outbound.TooLarge)}

func outcome(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Outcome
	}
	if e, ok := errors.AsType[*outbound.Error](err); ok {
		return string(e.Outcome)
	}
	return "other"
}

// Inline is a key set given as text. It never changes.
type Inline []byte

// Fetch returns the text.
func (i Inline) Fetch(context.Context, bool) (Document, error) {
	return Document{Body: i, Final: true}, nil
}

// File is a key set in a file, read again at each refresh.
type File string

// FileInterval is the default time between refreshes of a file.
const FileInterval = time.Minute

// Fetch reads the file, [outbound.DefaultMaxBytes] at most. Only a regular file is read:
// opening a pipe could take for ever.
func (f File) Fetch(context.Context, bool) (Document, error) {
	if info, err := os.Stat(string(f)); err == nil && !info.Mode().IsRegular() {
		return Document{}, &Error{Outcome: "file", Err: fmt.Errorf("keyset: %q is not a regular file", string(f))}
	}
	file, err := os.Open(string(f))
	if err != nil {
		return Document{}, &Error{Outcome: "file", Err: err}
	}
	defer file.Close()
	body, err := io.ReadAll(io.LimitReader(file, outbound.DefaultMaxBytes+1))
	if err != nil {
		return Document{}, &Error{Outcome: "file", Err: err}
	}
	if len(body) > outbound.DefaultMaxBytes {
		return Document{}, &Error{Outcome: "too_large", Err: fmt.Errorf("keyset: file %q is too large", string(f))}
	}
	return Document{Body: body}, nil
}

// URL is a key set at a fixed place.
type URL struct {
	Client *outbound.Client
	URL    string
}

// Fetch gets the document.
func (u URL) Fetch(ctx context.Context, revalidate bool) (Document, error) {
	header := http.Header{"Accept": {"application/jwk-set+json, application/json"}}
	if revalidate {
		header.Set("Cache-Control", "no-cache")
	}
	response, err := u.Client.Get(ctx, u.URL, header)
	if err != nil {
		return Document{}, err
	}
	if response.Status != http.StatusOK {
		return Document{}, &Error{
			Outcome:    "status",
			RetryAfter: outbound.RetryAfter(response.Header, time.Now()),
			Err:        fmt.Errorf("keyset: %q answered status %d", u.URL, response.Status),
		}
	}
	return Document{Body: response.Body, MaxAge: outbound.Freshness(response.Header)}, nil
}

// Limits of discovery.
const (
	DiscoveryLifetime = time.Hour       // a discovered address is used, unless a fetch from it fails earlier
	DiscoveryRetry    = 5 * time.Minute // the same where the document could not be read again, but the address still works
	DiscoveryBudget   = 2 * time.Second // of a fetch's time, for reading the document where an address is known
)

// Discovery is a key set at the place that the issuer's metadata document names
// (RFC 8414 §2, jwks_uri).
type Discovery struct {
	Client *outbound.Client
	Issuer string

	found     string // jwks_uri
	lookAgain time.Time
}

// Fetch reads the metadata document, if it is time, and then the key set. If the
// document can't be had but an address is known, that one is used.
func (d *Discovery) Fetch(ctx context.Context, revalidate bool) (Document, error) {
	address, err := d.address(ctx)
	if err != nil {
		return Document{}, err
	}
	document, err := URL{d.Client, address}.Fetch(ctx, revalidate)
	if err != nil {
		d.Reject()
	}
	return document, err
}

// Reject says that what the last Fetch brought is no key set: perhaps it has moved, so
// the next Fetch looks again.
func (d *Discovery) Reject() { d.lookAgain = time.Time{} }

func (d *Discovery) address(ctx context.Context) (string, error) {
	if d.found != "" && time.Now().Before(d.lookAgain) {
		return d.found, nil
	}
	if d.found != "" { // the key set itself needs time too
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, DiscoveryBudget)
		defer cancel()
	}
	server, err := metadata.Discover(ctx, d.Client, d.Issuer)
	switch {
	case err == nil && server.JWKSURI == "":
		return "", &Error{Outcome: "discovery", Err: fmt.Errorf("keyset: metadata of issuer %q has no jwks_uri", d.Issuer)}
	case err == nil:
		d.found, d.lookAgain = server.JWKSURI, time.Now().Add(DiscoveryLifetime)
	case d.found == "":
		return "", &Error{Outcome: "discovery", RetryAfter: retryAfter(err), Err: err}
	default:
		d.lookAgain = time.Now().Add(DiscoveryRetry)
	}
	return d.found, nil
}

func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*metadata.DiscoveryError](err); ok {
		return e.RetryAfter()
	}
	return 0
}

func documentOutcome(err error) string {
	switch {
	case errors.Is(err, errNoKeys):
		return "empty"
	case errors.Is(err, errTooManyKeys):
		return "too_many_keys"
	}
	return "malformed"
}
