package jwks

import (
	"context"

	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/internal/keyset"
)

// InspectedKey is a key that the issuer publishes. It has nothing of the key itself.
type InspectedKey struct {
	ID         string   // kid; "" if it has none or it cannot be read
	Algorithms []string // of Config.Algorithms, those for which the key can be used; nil: none
	Err        error    // why the key is skipped; nil: it is not
}

// FetchError is why the keys of the issuer could not be fetched.
type FetchError struct {
	Outcome string // the label outcome of the metric series warder_keyset_fetches_total
	Err     error
}

func (e *FetchError) Error() string { return "jwks: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *FetchError) Unwrap() error { return e.Err }

// Inspect fetches the keys of the issuer at once, and returns those that are used, followed by
// those that are skipped. Keys for encryption are not in the result. It is for reports about the
// issuer, such as those of package resource/check: it does not observe the limits for fetches, and
// must not be called for requests of clients. The error is a [*FetchError]; the result then has the
// skipped keys, if the document could be read. Inspect returns within 10 s.
func (v *Verifier) Inspect(ctx context.Context) ([]InspectedKey, error) {
	usable, skipped, err := v.keys.Inspect(ctx)
	if err != nil {
		err = &FetchError{Outcome: keyset.OutcomeOf(err), Err: err}
	}
	var keys []InspectedKey
	for _, k := range usable {
		keys = append(keys, InspectedKey{ID: k.ID, Algorithms: v.algorithmsOf(k)})
	}
	for _, k := range skipped {
		keys = append(keys, InspectedKey{ID: k.KeyID, Err: k.Err})
	}
	return keys, err
}

func (v *Verifier) algorithmsOf(k *jose.Key) (names []string) {
	for _, a := range v.algorithms {
		if k.Accepts(a) {
			names = append(names, a.String())
		}
	}
	return names
}
