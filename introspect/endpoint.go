package introspect

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/metadata"
)

// Limits of discovery.
const (
	discoveryLifetime = time.Hour        // until the metadata is read again; the URL in use stays in use meanwhile
	discoveryInterval = 30 * time.Second // between attempts to read the metadata again
	discoveryTimeout  = 5 * time.Second  // for all metadata URLs together
)

// endpointSetting is the setting of the endpoint's URL, in the configuration file and here.
const endpointSetting = "introspection_endpoint (in Go: Endpoint)"

// endpoint is the URL of the introspection endpoint: fixed by the configuration, or
// discovered in the issuer's metadata (RFC 8414). It is safe for concurrent use.
type endpoint struct {
	fixed       bool
	client      *outbound.Client
	issuer      string
	metadataURL string // "": the well-known URLs of issuer
	discovery   singleflight.Group

	mu        sync.Mutex // guards the fields below
	url       string     // "": not discovered yet
	refreshAt time.Time  // when to read the metadata again
}

// get returns the URL. It starts a discovery if one is due, but waits for it only if no
// URL was ever discovered.
func (e *endpoint) get(ctx context.Context) (string, error) {
	url, due := e.current()
	if !due {
		return url, nil
	}
	done := e.discovery.DoChan("", func() (any, error) {
		if _, due := e.current(); !due {
			return nil, nil // another discovery has just finished
		}
		return nil, e.refresh()
	})
	if url != "" {
		return url, nil
	}
	select {
	case result := <-done:
		if result.Err != nil {
			return "", result.Err
		}
	case <-ctx.Done():
		return "", fmt.Errorf("waiting for the metadata of issuer %q: %w", e.issuer, ctx.Err())
	}
	url, _ = e.current()
	return url, nil
}

// current returns the URL, or "" before the first discovery, and whether a discovery is
// due.
func (e *endpoint) current() (url string, due bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.url, !e.fixed && !time.Now().Before(e.refreshAt)
}

// refreshSoon makes a discovery due in a second, because the endpoint may have moved.
func (e *endpoint) refreshSoon() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if soon := time.Now().Add(minCoolDown); e.refreshAt.After(soon) {
		e.refreshAt = soon
	}
}

// refresh reads the metadata and updates the URL. It does not use the context of any
// request, because several requests may wait for it.
func (e *endpoint) refresh() error {
	ctx, cancel := context.WithTimeout(context.Background(), discoveryTimeout)
	defer cancel()
	url, err := e.discover(ctx)
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case err == nil:
		e.url, e.refreshAt = url, time.Now().Add(discoveryLifetime)
	case e.url != "":
		e.refreshAt = time.Now().Add(discoveryInterval)
	}
	return err
}

func (e *endpoint) discover(ctx context.Context) (url string, err error) {
	// Config.Transport may panic. This code runs in a goroutine of package singleflight,
	// where a panic would end the process.
	defer func() {
		if recover() != nil {
			err = errors.New("the transport panicked")
		}
	}()
	server, err := metadata.DiscoverAt(ctx, e.client, e.metadataURL, e.issuer, metadata.IntrospectionEndpoint)
	if err != nil {
		return "", metadata.Suggest(err, endpointSetting)
	}
	if server.IntrospectionEndpoint == "" {
		return "", fmt.Errorf("metadata of issuer %q at %q has no introspection_endpoint: set %s", e.issuer, server.URL, endpointSetting)
	}
	return server.IntrospectionEndpoint, nil
}
