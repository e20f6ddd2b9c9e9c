package keyset

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/internal/regularfile"
	"github.com/warder-go/warder/metadata"
)

// Source is where a key set comes from. A Set never calls Fetch concurrently. bypassCaches asks
// for the newest state, past any HTTP cache.
//
// A source with a method Reject() is notified when a document that it returned is not a usable
// key set.
type Source interface {
	Fetch(ctx context.Context, bypassCaches bool) (Document, error)
}

// Document is a JWK Set as text.
type Document struct {
	Body     []byte
	MaxAge   *time.Duration // from the server's cache headers; nil: it sent none
	Complete bool           // it did not come from a cache
	Final    bool           // it never changes

	// For errors.
	From    string // the request or the file; "" if the document is part of the configuration
	Setting string // the setting of the address; "" if there is none
	Check   string // what to check if the document is not a key set
}

// Error says how a fetch failed. Outcome is one of [Outcomes].
type Error struct {
	Outcome    string
	RetryAfter time.Duration // from the server; 0: it sent none
	Err        error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Outcomes are the values of Fetch.Outcome, and so of a metric label.
var Outcomes = []string{"ok", "status", "discovery", "file", "empty", "too_many_keys", "malformed", "panic", "other", "bearer_token",
	string(outbound.BadURL), string(outbound.RefusedAddress), string(outbound.DNS), string(outbound.Connect), string(outbound.TLS),
	string(outbound.Timeout), string(outbound.Canceled), string(outbound.Redirect), string(outbound.Encoding), string(outbound.Truncated),
	string(outbound.Protocol), string(outbound.TooLarge)}

// OutcomeOf returns the outcome of a fetch that ended with err: one of [Outcomes].
func OutcomeOf(err error) string {
	if err == nil {
		return "ok"
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Outcome
	}
	if e, ok := errors.AsType[*outbound.Error](err); ok {
		return string(e.Outcome)
	}
	return "other"
}

// Inline is a key set that is part of the configuration. It never changes.
type Inline []byte

// Fetch returns the text.
func (i Inline) Fetch(context.Context, bool) (Document, error) {
	return Document{Body: i, Complete: true, Final: true}, nil
}

// File is a key set in a file. It is read again at each refresh.
type File string

// FileInterval is the default time between refreshes of a file.
const FileInterval = time.Minute

// Fetch reads the file, up to [outbound.DefaultMaxBytes].
func (f File) Fetch(context.Context, bool) (Document, error) {
	body, err := regularfile.Read(string(f), outbound.DefaultMaxBytes)
	if err == nil {
		return Document{Body: body, Complete: true, From: fmt.Sprintf("file %q", string(f))}, nil
	}
	outcome := "file"
	if _, tooLarge := errors.AsType[*regularfile.TooLargeError](err); tooLarge {
		outcome = "too_large"
	}
	return Document{}, &Error{Outcome: outcome, Err: fmt.Errorf("keyset: file %q: %w", string(f), err)}
}

// URL is a key set at a fixed address.
type URL struct {
	Client  *outbound.Client
	URL     string
	Setting string  // that contains the address, for errors
	Bearer  *Bearer // nil: requests have no token

	discovered bool // the address is from the issuer's metadata; Setting would override it
}

// Fetch gets the document.
func (u URL) Fetch(ctx context.Context, bypassCaches bool) (Document, error) {
	client, err := u.Bearer.getter(u.Client)
	if err != nil {
		return Document{}, err
	}
	return u.fetch(ctx, client, bypassCaches)
}

func (u URL) fetch(ctx context.Context, client metadata.Getter, bypassCaches bool) (Document, error) {
	header := http.Header{"Accept": {"application/jwk-set+json, application/json"}}
	if bypassCaches {
		header.Set("Cache-Control", "no-cache")
	}
	response, err := client.Get(ctx, u.URL, header)
	switch {
	case outbound.ConcernsAddress(err):
		return Document{}, fmt.Errorf("%w: %s", err, u.check())
	case err != nil:
		return Document{}, err
	}
	from := fmt.Sprintf("GET %s: %s", logging.RedactURL(u.URL), response.Describe())
	if response.Status != http.StatusOK {
		return Document{}, &Error{
			Outcome:    "status",
			RetryAfter: outbound.RetryAfter(response.Header, time.Now()),
			Err:        fmt.Errorf("keyset: %s%s", from, u.statusHint(response.Status)),
		}
	}
	if response.IsHTML() {
		return Document{}, &Error{Outcome: "malformed", Err: fmt.Errorf("keyset: %s: an HTML page, want a JWK Set: %s", from, u.check())}
	}
	return Document{
		Body: response.Body, MaxAge: outbound.Freshness(response.Header), Complete: bypassCaches,
		From: from, Setting: u.Setting, Check: u.check(),
	}, nil
}

// statusHint returns the usual cause of a status.
func (u URL) statusHint(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return ": the server requires authentication for its keys: " + u.Bearer.hint(u.URL) + u.check()
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone:
		return ": " + u.check()
	}
	return ""
}

// check returns what to check if something else is at the address.
func (u URL) check() string {
	if u.discovered {
		return "the address is jwks_uri in the issuer's metadata; set " + u.Setting + " if it is wrong"
	}
	return "check " + u.Setting
}
