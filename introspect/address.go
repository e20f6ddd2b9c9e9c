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
	DiscoveryLifetime = time.Hour        // after which the metadata is read again, while the known address is used
	DiscoveryInterval = 30 * time.Second // between attempts to read it again
	discoveryTimeout  = 5 * time.Second  // of all its URLs together
)

// address is where to ask: fixed, or learned from the issuer's metadata.
type address struct {
	fixed   bool
	client  *outbound.Client
	issuer  string
	flights singleflight.Group

	mu    sync.Mutex // guards the rest
	found string     // "": not known yet
	due   time.Time  // when to read the metadata again
}

// get returns the address. It waits for discovery only as long as no address was
// ever found.
func (a *address) get(ctx context.Context) (string, error) {
	found, due := a.known()
	if !due {
		return found, nil
	}
	done := a.flights.DoChan("", func() (any, error) {
		if _, due := a.known(); !due {
			return nil, nil // another flight has just ended
		}
		return nil, a.discover()
	})
	if found != "" {
		return found, nil
	}
	select {
	case result := <-done:
		if result.Err != nil {
			return "", result.Err
		}
	case <-ctx.Done():
		return "", fmt.Errorf("waiting for the metadata of issuer %q: %w", a.issuer, ctx.Err())
	}
	found, _ = a.known()
	return found, nil
}

// known returns the address, "" if there is none yet, and whether the metadata is to be
// read.
func (a *address) known() (found string, due bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.found, !a.fixed && !time.Now().Before(a.due)
}

// doubt makes the metadata be read again soon: the endpoint may have moved.
func (a *address) doubt() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if soon := time.Now().Add(MinCoolDown); a.due.After(soon) {
		a.due = soon
	}
}

// discover reads the metadata, not within any request's context: others wait too.
func (a *address) discover() error {
	ctx, cancel := context.WithTimeout(context.Background(), discoveryTimeout)
	defer cancel()
	found, err := a.read(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case err == nil:
		a.found, a.due = found, time.Now().Add(DiscoveryLifetime)
	case a.found != "":
		a.due = time.Now().Add(DiscoveryInterval)
	}
	return err
}

func (a *address) read(ctx context.Context) (found string, err error) {
	// A transport of the user's may panic. Nobody could catch that in a flight.
	defer func() {
		if recover() != nil {
			err = errors.New("the transport panicked")
		}
	}()
	server, err := metadata.Discover(ctx, a.client, a.issuer)
	if err != nil {
		return "", err
	}
	if server.IntrospectionEndpoint == "" {
		return "", fmt.Errorf("metadata of issuer %q has no introspection_endpoint: give Endpoint", a.issuer)
	}
	return server.IntrospectionEndpoint, nil
}
