package oauthendpoint

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
	movedInterval     = time.Second      // until the metadata is read again after the endpoint has failed
)

// address is the URL of the endpoint: fixed by the configuration, or discovered in the issuer's
// metadata (RFC 8414). It is safe for concurrent use.
type address struct {
	fixed       bool
	documents   *outbound.Client
	issuer      string
	metadataURL string // "": the well-known URLs of issuer
	member      metadata.Member
	setting     string // Config.URLSetting
	discovery   singleflight.Group

	mu        sync.Mutex // guards the fields below
	url       string     // "": not discovered yet
	refreshAt time.Time  // when to read the metadata again
}

// get returns the URL. It starts a discovery if one is due, but waits for it only if no
// URL was ever discovered.
func (a *address) get(ctx context.Context) (string, error) {
	url, due := a.current()
	if !due {
		return url, nil
	}
	done := a.discovery.DoChan("", func() (any, error) {
		if _, due := a.current(); !due {
			return nil, nil // another discovery has just finished
		}
		return nil, a.refresh()
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
		return "", fmt.Errorf("waiting for the metadata of issuer %q: %w", a.issuer, ctx.Err())
	}
	url, _ = a.current()
	return url, nil
}

// current returns the URL, or "" before the first discovery, and whether a discovery is
// due.
func (a *address) current() (url string, due bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.url, !a.fixed && !time.Now().Before(a.refreshAt)
}

// refreshSoon makes a discovery due in a second, because the endpoint may have moved.
func (a *address) refreshSoon() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if soon := time.Now().Add(movedInterval); a.refreshAt.After(soon) {
		a.refreshAt = soon
	}
}

// refresh reads the metadata and updates the URL. It does not use the context of any
// request, because several requests may wait for it.
func (a *address) refresh() error {
	ctx, cancel := context.WithTimeout(context.Background(), discoveryTimeout)
	defer cancel()
	url, err := a.discover(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case err == nil:
		a.url, a.refreshAt = url, time.Now().Add(discoveryLifetime)
	case a.url != "":
		a.refreshAt = time.Now().Add(discoveryInterval)
	}
	return err
}

func (a *address) discover(ctx context.Context) (url string, err error) {
	// Config.Transport may panic. This code runs in a goroutine of package singleflight,
	// where a panic would end the process.
	defer func() {
		if recover() != nil {
			err = errors.New("the transport panicked")
		}
	}()
	server, err := metadata.DiscoverAt(ctx, a.documents, a.metadataURL, a.issuer, a.member)
	if err != nil {
		return "", metadata.Suggest(err, a.setting)
	}
	if url = server.URLOf(a.member); url == "" {
		return "", fmt.Errorf("metadata of issuer %q at %q has no %s: set %s", a.issuer, server.URL, a.member, a.setting)
	}
	return url, nil
}
