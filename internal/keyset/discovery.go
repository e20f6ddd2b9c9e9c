package keyset

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
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
	MetadataURL string  // "": the well-known addresses of Issuer
	Setting     string  // that replaces the address in the metadata, for errors
	Bearer      *Bearer // nil: requests have no token

	address   string // jwks_uri; "" before the first success
	readAgain time.Time
}

// Fetch reads the metadata, if it is due, and then the key set. If the metadata is not
// available but an address is known, it uses that address.
func (d *Discovery) Fetch(ctx context.Context, bypassCaches bool) (Document, error) {
	client, err := d.Bearer.getter(d.Client)
	if err != nil {
		return Document{}, err
	}
	if err := d.discover(ctx, client); err != nil {
		return Document{}, err
	}
	keys := URL{URL: d.address, Setting: d.Setting, Bearer: d.Bearer, discovered: true}
	document, err := keys.fetch(ctx, client, bypassCaches)
	if err != nil {
		d.Reject()
	}
	return document, err
}

// Reject makes the next Fetch read the metadata again, because the key set may have moved.
func (d *Discovery) Reject() { d.readAgain = time.Time{} }

func (d *Discovery) discover(ctx context.Context, client metadata.Getter) error {
	if d.address != "" && time.Now().Before(d.readAgain) {
		return nil
	}
	if d.address != "" { // leave time for the key set
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, discoveryBudget)
		defer cancel()
	}
	server, err := metadata.DiscoverAt(ctx, client, d.MetadataURL, d.Issuer, metadata.JWKSURI)
	switch {
	case err == nil && server.JWKSURI == "":
		return &Error{Outcome: "discovery", Err: fmt.Errorf("keyset: the metadata of issuer %q at %q has no jwks_uri: set %s", d.Issuer, server.URL, d.Setting)}
	case err == nil:
		d.address, d.readAgain = server.JWKSURI, time.Now().Add(discoveryLifetime)
	case d.address == "":
		return &Error{Outcome: "discovery", RetryAfter: retryAfter(err), Err: d.suggest(err)}
	default:
		d.readAgain = time.Now().Add(discoveryRetry)
	}
	return nil
}

// suggest adds to an error of discovery the settings that fix it.
func (d *Discovery) suggest(err error) error {
	suggestion := metadata.Suggest(err, d.Setting)
	failed, ok := errors.AsType[*metadata.DiscoveryError](err)
	needsToken := func(a metadata.Attempt) bool {
		return a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden
	}
	if hint := d.Bearer.hint(d.Issuer); hint != "" && ok && slices.ContainsFunc(failed.Attempts, needsToken) {
		return fmt.Errorf("%w; %sset %s to an address without authentication", err, hint, d.Setting)
	}
	return suggestion
}

func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*metadata.DiscoveryError](err); ok {
		return e.RetryAfter()
	}
	return 0
}
