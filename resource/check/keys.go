package check

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/warder-go/warder/jwks"
)

// checkKeys fetches the keys of the issuer, and looks at each.
func (i *issuerRun) checkKeys(ctx context.Context) {
	if i.parts.Keys == nil {
		return
	}
	keys, err := i.parts.Keys.Inspect(ctx)
	allowed := 0
	for _, k := range keys {
		switch {
		case k.Err != nil:
			i.add(IDKeySkipped, i.keySubject(k), strings.TrimPrefix(k.Err.Error(), "jose: "), "publish at the issuer, instead of this key, a public key of at least 2048 bits (RSA) or of the curves P-256, P-384, P-521 or Ed25519, with a kid and use sig")
		case k.Algorithms == nil:
			i.add(IDKeyAlgorithm, i.keySubject(k), "none of the allowed algorithms fits the key", "add the algorithm of the key to "+i.key("algorithms")+", or remove the setting")
		default:
			allowed++
		}
	}
	switch {
	case err != nil:
		i.addKeysError(err)
	case allowed == 0:
		i.add(IDKeysUnusable, i.name, "the issuer has no key for the algorithms in "+i.key("algorithms"), "set "+i.key("algorithms")+" to the algorithms with which the issuer signs")
	default:
		i.add(IDKeys, i.name, describeKeys(keys), "")
	}
}

// keySubject names a key. A kid is in each token and is public.
func (i *issuerRun) keySubject(k jwks.InspectedKey) string {
	if k.ID == "" {
		return i.name + " key without kid"
	}
	return i.name + " key " + k.ID
}

// describeKeys lists the usable keys with their algorithms.
func describeKeys(keys []jwks.InspectedKey) string {
	var names []string
	for _, k := range keys {
		if k.Algorithms != nil {
			names = append(names, cmp.Or(k.ID, "a key without kid")+" ("+strings.Join(k.Algorithms, ", ")+")")
		}
	}
	return "usable keys: " + some(names)
}

// addKeysError adds the finding for an error of fetching the keys.
func (i *issuerRun) addKeysError(err error) {
	if i.addDiscovery(err) || i.addNetwork(err) {
		return
	}
	failed, _ := errors.AsType[*jwks.FetchError](err)
	switch {
	case failed != nil && failed.Outcome == "discovery":
		i.failed = true
		i.add(IDIssuerMetadata, i.name, errorText(err), "set "+i.key("jwks_uri")+" to the URL of the keys of the issuer")
	case failed != nil && failed.Outcome == "empty":
		i.add(IDKeysUnusable, i.name, errorText(err), "publish a signing key at the issuer")
	case failed != nil && failed.Outcome == "bearer_token":
		i.add(IDKeysUnavailable, i.name, errorText(err), "correct "+i.key("jwks_bearer_token")+" or "+i.key("jwks_bearer_token_file"))
	case i.last().Status == http.StatusUnauthorized || i.last().Status == http.StatusForbidden:
		i.add(IDKeysUnavailable, i.name, errorText(err), "set "+i.key("jwks_bearer_token_file")+" to a file with a token for the keys, or "+i.key("jwks_uri")+" to a URL that needs none")
	default:
		i.add(IDKeysUnavailable, i.name, errorText(err), "set "+i.keysKey()+" to where the issuer publishes its keys (a JWK Set)")
	}
}

// keysKey returns the key of the file that says where the keys are, or can say it.
func (i *issuerRun) keysKey() string {
	if i.settings.JWKSFile != "" {
		return i.key("jwks_file")
	}
	return i.key("jwks_uri")
}
