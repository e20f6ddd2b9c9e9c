package resource

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/metadata"
)

// Resource decides about requests for one protected resource. It is safe for
// concurrent use. The zero value refuses everything. [Resource.Replace] gives it another
// configuration.
type Resource struct {
	issuers     map[string]*issuer // by exact identifier
	tenanted    []*issuer          // by pattern
	resolver    *resolver          // nil: all issuers are known
	opaque      *issuer
	prefixed    []prefixIssuer // the longest prefix first
	headers     []headerIssuer
	origins     []string // sorted
	agreements  []agreement
	scopes      []string
	hierarchy   hierarchy
	rules       *rules
	declared    map[string]bool // every scope that the configuration mentions
	document    metadata.Document
	answers     answers
	tokens      *jose.Reader
	memory      *memory
	revoked     func(context.Context, *Caller) bool
	leeway      time.Duration
	lifetime    time.Duration
	maxToken    int
	maxBody     int
	keep        bool
	keepGranted bool
	logger      *slog.Logger
	floods      floods
	metrics     *metrics
	challenged  map[string]prometheus.Counter // by operation, as rules.label names it
	observers   []Observer
	identity    identity
	streams     atomic.Int64 // open ones, of all generations
	succession  succession
}

// New checks the configuration and returns the resource. It does no I/O and starts
// nothing. The error names every mistake at once, each with its fix.
func New(c Config) (*Resource, error) {
	b := builder{config: c}
	r := b.build()
	if err := errors.Join(b.mistakes...); err != nil {
		return nil, fmt.Errorf("resource: configuration: %w", err)
	}
	return r, nil
}

// Identifier returns Config.Identifier.
func (r *Resource) Identifier() string { return r.document.Resource }

// Metadata returns the document to publish (RFC 9728). Package nethttp serves it.
func (r *Resource) Metadata() metadata.Document { return r.now().document.Clone() }

// Leeway returns by how much clocks may differ: the effective Config.Leeway. It is
// for code that looks at [Caller.Expiry] itself.
func (r *Resource) Leeway() time.Duration { return r.whole().now().leeway }

// Ready returns nil when every issuer's tokens can be checked, and every credential of
// Config.Headers. A verifier with a method Ready(context.Context) error is asked; the
// others count as ready. It is cheap once keys are loaded.
func (r *Resource) Ready(ctx context.Context) error {
	var faults []error
	for _, by := range r.now().vouchers() {
		if v, ok := by.verifier.(interface{ Ready(context.Context) error }); ok {
			if err := v.Ready(ctx); err != nil {
				faults = append(faults, fmt.Errorf("issuer %q: %w", by.id, err))
			}
		}
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("resource: not ready: %w", err)
	}
	return nil
}

// all returns the configured issuers sorted by identifier, the opaque ones last.
func (r *Resource) all() []*issuer {
	var out []*issuer
	for _, id := range slices.Sorted(maps.Keys(r.issuers)) {
		out = append(out, r.issuers[id])
	}
	out = append(out, r.tenanted...)
	if r.opaque != nil {
		out = append(out, r.opaque)
	}
	for i := range r.prefixed {
		out = append(out, r.prefixed[i].issuer)
	}
	return out
}

// voucher is a Verifier or a HeaderVerifier.
type voucher struct {
	id       string
	verifier any
}

// vouchers returns the verifiers of all, then those of Config.Headers, each once: the
// same may stand in several places.
func (r *Resource) vouchers() (out []voucher) {
	add := func(id string, verifier any) {
		if !slices.ContainsFunc(out, func(known voucher) bool { return same(known.verifier, verifier) }) {
			out = append(out, voucher{id, verifier})
		}
	}
	for _, i := range r.all() {
		add(i.id, i.verifier)
	}
	for i := range r.headers {
		add(r.headers[i].issuer.id, r.headers[i].verifier)
	}
	return out
}

// same reports whether two verifiers are one. Values that can't be compared are not.
func same(a, b any) bool {
	return reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}

// isNil reports whether there is nothing to call, be it behind a pointer's type.
func isNil(a any) bool {
	v := reflect.ValueOf(a)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}
