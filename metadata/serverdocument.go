package metadata

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/warder-go/warder/internal/logging"
)

// Limits of a ServerHandler.
const (
	serverLifetime      = 5 * time.Minute // after which the document is fetched again
	serverStaleLimit    = 24 * time.Hour  // for which a document is served after it was fetched
	serverRetryInterval = 5 * time.Second // from a failed fetch to the next one
	maxServerRetryAfter = time.Minute     // of the authorization server's Retry-After that is honored
	serverFetchTimeout  = 5 * time.Second // for all URLs together
	serverRefreshWait   = time.Second     // for which a request waits if there is an older document
)

// serverDocument is the document of an authorization server. It is fetched on demand.
type serverDocument struct {
	client  Getter
	address string // "": the well-known URLs of the issuer
	issuer  string
	logger  *slog.Logger

	mu        sync.Mutex    // guards the fields below
	body      []byte        // nil: there is none, or it is too old
	fetched   time.Time     // when the fetch of body began
	nextFetch time.Time     // the earliest time
	running   chan struct{} // closed when the fetch ends; nil: none is running
}

func newServerDocument(client Getter, address, issuer string, logger *slog.Logger) *serverDocument {
	return &serverDocument{client: client, address: address, issuer: issuer, logger: logger}
}

// get returns the document, or nil if there is none. It waits for a fetch that is due or in
// progress. If there is an older document, it waits for serverRefreshWait at most.
func (d *serverDocument) get(ctx context.Context) []byte {
	body, running := d.current()
	if running == nil {
		return body
	}
	if body != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, serverRefreshWait)
		defer cancel()
	}
	select {
	case <-running:
		body, _ = d.current()
	case <-ctx.Done():
	}
	return body
}

// current returns the document, and the fetch in progress if there is one. It starts a fetch
// that is due.
func (d *serverDocument) current() (body []byte, running <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	if now.Sub(d.fetched) > serverStaleLimit {
		d.body = nil
	}
	if d.running == nil && !now.Before(d.nextFetch) {
		d.running = make(chan struct{})
		go d.fetch(now)
	}
	return d.body, d.running
}

// fetch fetches the document. It does not use the context of a request, because others wait too.
func (d *serverDocument) fetch(began time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), serverFetchTimeout)
	defer cancel()
	body, err := discoverBody(ctx, d.client, d.address, d.issuer)
	if err != nil {
		logging.OrDefault(d.logger).Warn("fetching the metadata of the authorization server failed", "issuer", d.issuer, "error", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		d.body, d.fetched, d.nextFetch = body, began, time.Now().Add(serverLifetime)
	} else {
		d.nextFetch = time.Now().Add(retryInterval(err))
	}
	close(d.running)
	d.running = nil
}

// retryInterval returns the time until the fetch after a failed one.
func retryInterval(err error) time.Duration {
	interval := serverRetryInterval
	if e, ok := errors.AsType[*DiscoveryError](err); ok {
		interval = max(interval, min(e.RetryAfter(), maxServerRetryAfter))
	}
	return interval
}
