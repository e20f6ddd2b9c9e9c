package apikey

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/internal/grammar"
	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
)

// Limits of keys. A Config or a file that exceeds one of them is invalid.
const (
	maxKeys      = 10_000 // per verifier
	maxNameBytes = 256    // of an ID, a subject or a client
	maxScopes    = 1000   // of one key, as many as a token can have
	maxResources = 1001   // of one key, as many identifiers as a resource can have
)

// maxYears limits Key.Expires. It is slightly less than the limit from which a resource
// rejects an exp as implausible.
const maxYears = 9

// entry is the compiled form of a Key.
type entry struct {
	digest digest.Digest
	claims *resource.Claims // without StillValid
	object string           // the claims as JSON, to compare entries
}

// entries are the keys of a verifier by their digests.
type entries map[digest.Digest]*entry

// compileAll compiles keys and adds their mistakes to m. It keeps entries of current that
// have not changed, so that cached callers remain valid.
func (v *Verifier) compileAll(list string, given []Key, current entries, m *mistakes) entries {
	if len(given) > maxKeys {
		m.addf("%s: %d keys; the limit is %d", list, len(given), maxKeys)
		return nil
	}
	compiled := make(entries, len(given))
	ids := make(map[string]int, len(given))
	digests := make(map[digest.Digest]int, len(given))
	for n, k := range given {
		where := k.position(list, n)
		if first, duplicate := ids[k.ID]; duplicate && k.ID != "" {
			m.addf("%s: id is already used by %s[%d]; give each key a different id", where, list, first)
		} else {
			ids[k.ID] = n
		}
		e := v.compile(where, k, m)
		if e == nil {
			continue
		}
		if first, duplicate := digests[e.digest]; duplicate {
			m.addf("%s: sha256 is already used by %s[%d]; a key can have only one entry", where, list, first)
			continue
		}
		digests[e.digest] = n
		if old := current[e.digest]; old != nil && old.object == e.object {
			e = old
		}
		compiled[e.digest] = e
	}
	return compiled
}

// position names a key in an error. It leaves out an invalid ID, which could be the key.
func (k Key) position(list string, n int) string {
	if !isID(k.ID) {
		return fmt.Sprintf("%s[%d]", list, n)
	}
	return fmt.Sprintf("%s[%d] %q", list, n, k.ID)
}

// compile returns nil if it has added mistakes to m.
func (v *Verifier) compile(where string, k Key, m *mistakes) *entry {
	before := m.count()
	if !isID(k.ID) {
		m.addf("%s: id: must be 1 to %d letters, digits or . _ : @ / -", where, maxNameBytes)
	}
	e := &entry{digest: parseDigest(where, k.SHA256, m)}
	checkCaller(where, k, m)
	checkScopes(where, k.Scopes, m)
	checkResources(where, k.Resources, m)
	if !k.Expires.IsZero() && (k.Expires.Unix() <= 0 || k.Expires.After(time.Now().AddDate(maxYears, 0, 0))) {
		m.addf("%s: expires: must not be before 1970 or more than %d years in the future", where, maxYears)
	}
	if m.count() > before {
		return nil
	}
	audience := any(v.resource)
	if k.Resources != nil {
		audience = k.Resources
	}
	if err := e.setClaims(k, v.issuer, audience); err != nil {
		m.addf("%s: %w", where, err)
		return nil
	}
	return e
}

// parseDigest does not quote an invalid digest in its mistakes: it could be the key.
func parseDigest(where, text string, m *mistakes) digest.Digest {
	sum, err := hex.DecodeString(text)
	if err != nil || len(sum) != len(digest.Digest{}) {
		m.addf("%s: sha256: must be 64 hexadecimal digits: the digest of the key, as returned by Generate", where)
		return digest.Digest{}
	}
	d := digest.Digest(sum)
	if d == digest.Of("") {
		m.addf("%s: sha256: is the digest of an empty text; use the digest of the key", where)
	}
	return d
}

func checkCaller(where string, k Key, m *mistakes) {
	if k.Subject == "" && k.ClientID == "" {
		m.addf("%s: subject, client_id: both are empty; set at least one of them", where)
	}
	if k.Subject != "" && !isName(k.Subject) || k.ClientID != "" && !isName(k.ClientID) {
		m.addf("%s: subject, client_id: must not have control characters or more than %d bytes", where, maxNameBytes)
	}
}

func checkScopes(where string, scopes []string, m *mistakes) {
	if len(scopes) > maxScopes {
		m.addf("%s: scopes: must not have more than %d entries", where, maxScopes)
		return
	}
	seen := make(map[string]bool, len(scopes))
	for n, scope := range scopes {
		switch {
		case !grammar.IsScopeToken(scope):
			m.addf("%s: scopes[%d]: is not a scope: use printable ASCII without space, double quote and backslash (RFC 6749 §3.3)", where, n)
		case seen[scope]:
			m.addf("%s: scopes[%d]: is a duplicate", where, n)
		}
		seen[scope] = true
	}
}

// checkResources rejects identifiers that no resource has. Nil stands for the default.
func checkResources(where string, identifiers []string, m *mistakes) {
	if identifiers != nil && len(identifiers) == 0 || len(identifiers) > maxResources {
		m.addf("%s: resources: must have 1 to %d entries; without resources the key is for Config.Resource", where, maxResources)
		return
	}
	for n, identifier := range identifiers {
		if metadata.CheckIdentifier(identifier, true) != nil { // its error would quote a key that is here by mistake
			m.addf("%s: resources[%d]: must be an identifier of a resource: an absolute URL, such as https://host.example.com/path", where, n)
		} else if slices.Contains(identifiers[:n], identifier) {
			m.addf("%s: resources[%d]: is a duplicate", where, n)
		}
	}
}

// setClaims writes the claims of the key as an issuer would and parses them like other
// claims, so that Caller.Decode and Credentials.HeaderClaims work.
func (e *entry) setClaims(k Key, issuer string, audience any) error {
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
		return errors.New("subject, client_id: must be valid UTF-8")
	}
	e.object = string(object)
	if e.claims, err = resource.ParseClaims(object); err != nil {
		return err
	}
	e.claims.OfClient = k.Subject == ""
	return nil
}

const idChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:@/-"

func isID(s string) bool {
	return s != "" && len(s) <= maxNameBytes && strings.Trim(s, idChars) == ""
}

func isName(s string) bool {
	return s != "" && len(s) <= maxNameBytes && utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0
}
