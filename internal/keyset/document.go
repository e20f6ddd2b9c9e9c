package keyset

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/internal/strictjson"
)

// MaxKeys is the limit for the keys of a document. A document with more is rejected.
const MaxKeys = 64

var documentNames = strictjson.NewNames("keys")

// Errors about a whole document. They leave the current keys unchanged.
var (
	errNoKeys          = errors.New("no usable key in the document")
	errNoSignatureKeys = fmt.Errorf("%w: none of its keys is for verifying signatures", errNoKeys)
	errTooManyKeys     = fmt.Errorf("more than %d keys in the document", MaxKeys)
)

// parse reads a JWK Set (RFC 7517 §5). It skips unusable keys, so that one unusual key does not
// affect the others. Keys that are not for signatures, such as those with use enc, are ignored
// and do not count as skipped. A document that is not a JWK Set, or has no usable key, is an
// error. The result includes the skipped keys even if none of the keys is usable. uses is as in
// Config.
func parse(document []byte, uses []string) (keys []*key, skipped []SkippedKey, err error) {
	hasKeys, elements := false, 0
	err = strictjson.Object(document, documentNames, func(_ string, value jsontext.Value) error {
		if hasKeys = !strictjson.IsAbsent(value); !hasKeys {
			return nil
		}
		return strictjson.Elements(value, func(element jsontext.Value) error {
			if elements++; elements > MaxKeys {
				return errTooManyKeys
			}
			parsed, err := jose.ParseKey(element, uses...)
			switch {
			case errors.Is(err, jose.ErrNotForSignatures):
			case err != nil:
				skipped = append(skipped, SkippedKey{jose.KeyIDOf(element), err})
			default:
				keys = appendKey(keys, parsed)
			}
			return nil
		})
	})
	switch {
	case err != nil:
		return nil, nil, err
	case !hasKeys:
		return nil, nil, errors.New("the document has no member \"keys\"")
	case len(keys) == 0 && len(skipped) == 0 && elements > 0:
		return nil, nil, errNoSignatureKeys
	case len(keys) == 0:
		return nil, skipped, errNoKeys
	}
	return keys, skipped, nil
}

// appendKey adds a key. The same key under another kid shares its mark.
func appendKey(keys []*key, parsed *jose.Key) []*key {
	k := &key{Key: parsed, withdrawn: new(atomic.Bool)}
	for _, other := range keys {
		if other.Equivalent(parsed) {
			k.withdrawn = other.withdrawn
		}
	}
	return append(keys, k)
}

// explain adds to an error about a document where the document is from and, if it is not a key
// set at all, what to check.
func (d Document) explain(err error) error {
	where := "keyset: "
	if d.From != "" {
		where += d.From + ": "
	}
	switch {
	case errors.Is(err, errNoKeys), errors.Is(err, errTooManyKeys), d.Setting == "":
		return fmt.Errorf("%s%w", where, err)
	case len(strictjson.LenientMembers(d.Body, "jwks_uri")) > 0:
		return fmt.Errorf("%sthe metadata of an authorization server, want a JWK Set: remove %s, or set it to the jwks_uri in the document", where, d.Setting)
	}
	return fmt.Errorf("%s%w: %s", where, err, d.Check)
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
