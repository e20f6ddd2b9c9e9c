package apikey

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/warder-go/warder/resource"
)

// Limits of keys. A Config or a file beyond one of them is a mistake.
const (
	KeyBytes     = 32     // random bytes of a generated key
	MaxKeys      = 10_000 // keys of one verifier
	MaxNameBytes = 256    // an ID, a subject, a client
)

// maxYears is a little less than what a resource takes for an absurd date.
const maxYears = 9

// Key is what is known of a key: all but the key. ID, SHA256 and one of Subject and
// ClientID are required. It prints as its ID.
type Key struct {
	ID       string   // for logs, and [resource.Caller.TokenID]; letters, digits and . _ : @ / -
	SHA256   string   // digest of the key, 64 hex digits
	Subject  string   // who calls with it
	ClientID string   // or which program, if it calls for itself
	Scopes   []string // nil: none

	// Expires is when the key ends; zero: never. Whole seconds count, and
	// [resource.Config].Leeway is added. It is nine years ahead at most; a resource with
	// a MaxLifetime refuses keys that expire, since they don't say when they began.
	Expires time.Time
}

// Format prints the ID for every verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "apikey.Key(%q)", k.ID) }

// Generate makes a new key, 256 random bits behind the prefix, and the digest to store.
// The key is to be shown once, to whom it is for. A prefix such as "mcp_" tells people
// and secret scanners what they have found, and [resource.Config].Prefixed where to
// turn; it takes nothing from the randomness.
//
// It panics if the prefix has characters that a Bearer token can't have (RFC 6750 §2.1).
func Generate(prefix string) (key, digest string) {
	if strings.Trim(prefix, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/") != "" {
		panic("apikey: a prefix consists of letters, digits and - . _ ~ + /")
	}
	random := make([]byte, KeyBytes)
	_, _ = rand.Read(random) // never fails (package crypto/rand)
	key = prefix + base64.RawURLEncoding.EncodeToString(random)
	sum := sha256.Sum256([]byte(key))
	return key, hex.EncodeToString(sum[:])
}

// entry is a Key made ready.
type entry struct {
	id     string
	digest [sha256.Size]byte
	claims *resource.Claims // as of every use; Live not set
	object string           // the claims as text: equal text, equal entries
}

// entries makes the keys ready. Of known ones those that are the same are kept, so that
// whoever was accepted by one goes on being accepted.
func (v *Verifier) entries(where string, given []Key, known map[[sha256.Size]byte]*entry, m *mistakes) map[[sha256.Size]byte]*entry {
	if len(given) > MaxKeys {
		m.add("%s: %d keys are more than %d", where, len(given), MaxKeys)
		return nil
	}
	made := make(map[[sha256.Size]byte]*entry, len(given))
	ids := make(map[string]int, len(given))
	places := make(map[[sha256.Size]byte]int, len(given))
	for n, k := range given {
		place := k.place(where, n)
		if first, twice := ids[k.ID]; twice && k.ID != "" {
			m.add("%s: id is that of %s[%d]; give each key its own", place, where, first)
		} else {
			ids[k.ID] = n
		}
		e := v.entry(place, k, m)
		if e == nil {
			continue
		}
		if first, twice := places[e.digest]; twice {
			m.add("%s: sha256 is that of %s[%d]; one key can't have two entries", place, where, first)
			continue
		}
		places[e.digest] = n
		if old := known[e.digest]; old != nil && old.object == e.object {
			e = old
		}
		made[e.digest] = e
	}
	return made
}

// place names a key in an error. An ID that is none is not repeated: it could be the key.
func (k Key) place(where string, n int) string {
	if !isID(k.ID) {
		return fmt.Sprintf("%s[%d]", where, n)
	}
	return fmt.Sprintf("%s[%d] %q", where, n, k.ID)
}

var empty = sha256.Sum256(nil)

func (v *Verifier) entry(place string, k Key, m *mistakes) *entry {
	before := len(*m)
	e := &entry{id: k.ID}
	if !isID(k.ID) {
		m.add("%s: id: 1 to %d letters, digits and . _ : @ / -", place, MaxNameBytes)
	}
	// What stands there is not repeated: it could be the key.
	if digest, err := hex.DecodeString(k.SHA256); err != nil || len(digest) != len(e.digest) {
		m.add("%s: sha256: is not 64 hex digits; it is the digest of the key, as Generate returns it", place)
	} else if e.digest = [sha256.Size]byte(digest); e.digest == empty {
		m.add("%s: sha256: is the digest of nothing; digest the key itself", place)
	}
	if k.Subject == "" && k.ClientID == "" {
		m.add("%s: subject, client_id: both are empty; say who calls with the key", place)
	}
	if k.Subject != "" && !isName(k.Subject) || k.ClientID != "" && !isName(k.ClientID) {
		m.add("%s: subject, client_id: control characters or more than %d bytes", place, MaxNameBytes)
	}
	checkScopes(place, k.Scopes, m)
	if !k.Expires.IsZero() && (k.Expires.Unix() <= 0 || k.Expires.After(time.Now().AddDate(maxYears, 0, 0))) {
		m.add("%s: expires: is before 1970 or more than %d years ahead", place, maxYears)
	}
	if len(*m) > before {
		return nil
	}
	if err := e.claim(k, v.issuer, v.resource); err != nil {
		m.add("%s: %w", place, err)
		return nil
	}
	return e
}

func checkScopes(place string, scopes []string, m *mistakes) {
	if len(scopes) > maxScopes {
		m.add("%s: scopes: more than %d", place, maxScopes)
		return
	}
	seen := make(map[string]bool, len(scopes))
	for n, scope := range scopes {
		switch {
		case !isScope(scope):
			m.add("%s: scopes[%d]: is no scope: printable ASCII without space, quote and backslash (RFC 6749 §3.3)", place, n)
		case seen[scope]:
			m.add("%s: scopes[%d]: stands twice", place, n)
		}
		seen[scope] = true
	}
}

// claim writes the key's claims as an issuer would and has them read like any others, so
// that Caller.Decode and Config.HeaderClaims find them.
func (e *entry) claim(k Key, issuer, audience string) error {
	members := map[string]any{"iss": issuer, "aud": audience, "jti": k.ID, "scope": strings.Join(k.Scopes, " ")}
	if k.Subject != "" {
		members["sub"] = k.Subject
	}
	if k.ClientID != "" {
		members["client_id"] = k.ClientID
	}
	if !k.Expires.IsZero() {
		members["exp"] = k.Expires.Unix()
	}
	object, err := json.Marshal(members, json.Deterministic(true))
	if err != nil {
		return errors.New("subject, client_id: are not UTF-8")
	}
	e.object = string(object)
	e.claims, err = resource.ParseClaims(object)
	return err
}

func isID(s string) bool {
	return s != "" && len(s) <= MaxNameBytes &&
		strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:@/-") == ""
}

func isName(s string) bool {
	return s != "" && len(s) <= MaxNameBytes && utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0
}

func isScope(s string) bool {
	return s != "" && strings.IndexFunc(s, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }) < 0
}

// mistakes collects what is wrong.
type mistakes []error

const maxMistakes = 20 // that are told at once

func (m *mistakes) add(format string, args ...any) { *m = append(*m, fmt.Errorf(format, args...)) }

func (m mistakes) join() error {
	if len(m) > maxMistakes {
		m = append(m[:maxMistakes:maxMistakes], fmt.Errorf("and %d mistakes more", len(m)-maxMistakes))
	}
	return errors.Join(m...)
}

// maxScopes is the limit for the scopes of one key: as many as a token can have.
const maxScopes = 1000
