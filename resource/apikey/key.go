package apikey

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/internal/grammar"
)

// keyBytes is the number of random bytes of a generated key.
const keyBytes = 32

// Key describes an API key without containing the key. ID, SHA256 and at least one of
// Subject and ClientID are required. It is formatted as its ID.
type Key struct {
	ID       string   // for logs, and [resource.Caller.TokenID]; letters, digits and . _ : @ / -
	SHA256   string   // SHA-256 digest of the key, 64 hexadecimal digits
	Subject  string   // the person or service that calls with the key
	ClientID string   // the program that calls with it, if it acts for itself
	Scopes   []string // granted scopes; default none

	// Resources are the identifiers that the key is for, of [resource.Config].Identifier and
	// Identifiers. Nil: only Config.Resource.
	Resources []string

	// Expires is when the key expires; the zero value means never. It is cut to whole
	// seconds, and [resource.Limits].Leeway is added. It must be at most nine years in
	// the future. A resource with a MaxLifetime rejects keys that expire, because keys
	// have no issue time.
	Expires time.Time
}

// Format writes the ID for every verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "apikey.Key(%q)", k.ID) }

// Generate returns a new key, which is prefix and 256 random bits, and the digest to
// store as Key.SHA256. Show the key once, to its future user, and do not store it. A
// prefix such as "mcp_" identifies the key to people and secret scanners, and selects the
// verifier in [resource.Credentials].Prefixed. It does not reduce the randomness.
//
// Generate panics if prefix has characters that a Bearer token cannot have (RFC 6750
// §2.1).
func Generate(prefix string) (key, sha256 string) {
	if strings.Trim(prefix, grammar.B64TokenChars) != "" {
		panic("apikey: a prefix must consist of letters, digits and - . _ ~ + /")
	}
	random := make([]byte, keyBytes)
	_, _ = rand.Read(random) // never fails (package crypto/rand)
	key = prefix + base64.RawURLEncoding.EncodeToString(random)
	sum := digest.Of(key)
	return key, hex.EncodeToString(sum[:])
}
