package keyset

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/metadata"
)

// Limits of discovery.
const (
	discoveryLifetime = time.Hour       // a discovered address is used, unless a fetch from it fails
	discoveryRetry    = 5 * time.Minute // the same after the metadata could not be read again
	discoveryBudget   = 2 * time.Second // of a fetch's time, for reading the metadata if an address is known
)

// Discovery is a key set at the address in the issuer's metadata (jwks_uri, RFC 8414 §2).
type Discovery struct {
	Client      *outbound.Client
	Issuer      string
	MetadataURL string // "": the well-known addresses of Issuer
	Setting     string // that replaces the address in the metadata, for errors

	address   string // jwks_uri; "" before the first success
	readAgain time.Time
}

// Fetch reads the metadata, if it is due, and then the key set. If the metadata is not
// available but an address is known, it uses that address.
func (d *Discovery) Fetch(ctx context.Context, bypassCaches bool) (Document, error) {
	if err := d.discover(ctx); err != nil {
		return Document{}, err
	}
	document, err := URL{d.Client, d.address, d.Setting, true}.Fetch(ctx, bypassCaches)
	if err != nil {
		d.Reject()
	}
	return document, err
}

// Reject makes the next Fetch read the metadata again, because the key set may have moved.
func (d *Discovery) Reject() { d.readAgain = time.Time{} }

func (d *Discovery) discover(ctx context.Context) error {
	if d.address != "" && time.Now().Before(d.readAgain) {
		return nil
	}
	if d.address != "" { // leave time for the key set
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, discoveryBudget)
		defer cancel()
	}
	server, err := metadata.DiscoverAt(ctx, d.Client, d.MetadataURL, d.Issuer, metadata.JWKSURI)
	switch {
	case err == nil && server.JWKSURI == "":
		return &Error{Outcome: "discovery", Err: fmt.Errorf("keyset: the metadata of issuer %q at %q has no jwks_uri: set %s", d.Issuer, server.URL, d.Setting)}
	case err == nil:
		d.address, d.readAgain = server.JWKSURI, time.Now().Add(discoveryLifetime)
	case d.address == "":
		return &Error{Outcome: "discovery", RetryAfter: retryAfter(err), Err: metadata.Suggest(err, d.Setting)}
	default:
		d.readAgain = time.Now().Add(discoveryRetry)
	}
	return nil
}

func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*metadata.DiscoveryError](err); ok {
		return e.RetryAfter()
	}
	return 0
}
