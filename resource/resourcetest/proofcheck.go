package resourcetest

import (
	"crypto"
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxProof      = 8 << 10     // bytes
	maxProofID    = 256         // bytes of "jti"
	proofLifetime = time.Minute // before and after "iat"
)

// checkedProof is the result of checkProof.
type checkedProof struct {
	thumbprint, id string
	nonce          string // "" if the proof does not have one
}

// checkProof checks a DPoP proof for a request without an access token (RFC 9449 section 4.3),
// except its nonce and whether it is a replay. It rejects everything that it does not know in the
// key, duplicate members, and names that differ only in case.
func checkProof(text, method, target string, now time.Time) (p checkedProof, ok bool) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 || len(text) > maxProof {
		return p, false
	}
	header, ok1 := jsonMembers(parts[0], "typ", "alg", "jwk")
	claims, ok2 := jsonMembers(parts[1], "jti", "htm", "htu", "iat", "ath", "nonce")
	signature, ok3 := binaryText(parts[2])
	if !ok1 || !ok2 || !ok3 {
		return p, false
	}
	public, alg, ok := header.proofKey()
	if !ok || !alg.verify(public, []byte(parts[0]+"."+parts[1]), signature) {
		return p, false
	}
	p = checkedProof{thumbprint(publicJWK(public)), claims.text("jti"), claims.text("nonce")}
	return p, claims.match(method, target, now)
}

// proofKey returns the key in the header of a proof, and the algorithm.
func (m members) proofKey() (crypto.PublicKey, algorithm, bool) {
	for _, name := range []string{"crit", "b64", "zip", "jku", "x5u", "x5c", "x5t", "x5t#S256"} {
		if m.has(name) { // another source of the key, or another meaning of the content
			return nil, algorithm{}, false
		}
	}
	public, ok := publicKeyOf(m["jwk"])
	alg, known := algorithms[m.text("alg")]
	return public, alg, ok && known && alg.family == family(public) && m.text("typ") == "dpop+jwt"
}

// match reports whether the claims of a proof are for this request and time.
func (m members) match(method, target string, now time.Time) bool {
	id := m.text("jti")
	if m.has("nonce") && m["nonce"].Kind() != '"' || id == "" || len(id) > maxProofID {
		return false
	}
	issued, err := strconv.ParseInt(string(m["iat"]), 10, 64) // fractions and strings are errors
	age := now.Sub(time.Unix(issued, 0)).Abs()
	return err == nil && age <= proofLifetime && m.text("htm") == method && sameURL(m.text("htu"), target)
}

// sameURL compares URLs after the normalization of RFC 3986 sections 6.2.2.1 and 6.2.3, without
// query and fragment.
func sameURL(htu, target string) bool {
	if strings.ContainsFunc(htu, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return false
	}
	got, err1 := url.Parse(htu)
	want, err2 := url.Parse(target)
	return err1 == nil && err2 == nil && got.User == nil && normalURL(got) == normalURL(want)
}

func normalURL(u *url.URL) string {
	host := strings.ToLower(u.Host)
	port := map[string]string{"http": ":80", "https": ":443"}[u.Scheme] // url.Parse makes the scheme lower case
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	return u.Scheme + "://" + strings.TrimSuffix(host, port) + path
}

// binaryText decodes unpadded base64url with zero trailing bits. The decoder of the standard
// library ignores line breaks.
func binaryText(text string) ([]byte, bool) {
	content, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return content, err == nil && !strings.ContainsAny(text, "\r\n")
}

// members is a JSON object.
type members map[string]jsontext.Value

// jsonMembers reads an object in base64url. The names are those that the caller uses: it rejects
// names that differ from them only in case.
func jsonMembers(text string, names ...string) (members, bool) {
	content, ok := binaryText(text)
	if !ok {
		return nil, false
	}
	return readMembers(content, names...)
}

func readMembers(content []byte, names ...string) (members, bool) {
	var m members
	if json.Unmarshal(content, &m) != nil { // rejects duplicates and invalid UTF-8
		return nil, false
	}
	for name := range m {
		i := slices.IndexFunc(names, func(known string) bool { return strings.EqualFold(known, name) })
		if i >= 0 && names[i] != name {
			return nil, false
		}
	}
	return m, true
}

func (m members) has(name string) bool { _, ok := m[name]; return ok }

// text returns a string, or "" if the member is missing or of another type.
func (m members) text(name string) (text string) {
	if m[name].Kind() == '"' {
		_ = json.Unmarshal(m[name], &text) // valid, because it was read before
	}
	return text
}

// binary decodes a member in base64url, or returns nil.
func (m members) binary(name string) []byte {
	content, ok := binaryText(m.text(name))
	if !ok {
		return nil
	}
	return content
}
