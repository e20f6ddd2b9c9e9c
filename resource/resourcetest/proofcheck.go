package resourcetest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"math/big"
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
	return p, claims.describe(method, target, now)
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

// describe reports whether the claims of a proof are for this request and time.
func (m members) describe(method, target string, now time.Time) bool {
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

// publicKeyOf reads a public key of the kinds in algorithms. It rejects private and symmetric keys
// and keys that are too weak to identify a client.
func publicKeyOf(jwk jsontext.Value) (crypto.PublicKey, bool) {
	m, ok := readMembers(jwk, "kty", "crv", "x", "y", "n", "e")
	if !ok {
		return nil, false
	}
	for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} { // RFC 7518 sections 6.2.2, 6.3.2, 6.4
		if m.has(name) {
			return nil, false
		}
	}
	switch m.text("kty") {
	case "RSA":
		return rsaKey(m.binary("n"), m.binary("e"))
	case "EC":
		return ecKey(m.text("crv"), m.binary("x"), m.binary("y"))
	case "OKP":
		x := m.binary("x")
		return ed25519.PublicKey(x), m.text("crv") == "Ed25519" && len(x) == ed25519.PublicKeySize && !hasSmallOrder(x)
	}
	return nil, false
}

func rsaKey(n, e []byte) (crypto.PublicKey, bool) {
	modulus, exponent := new(big.Int).SetBytes(n), new(big.Int).SetBytes(e)
	odd := modulus.Bit(0) == 1 && exponent.Bit(0) == 1
	if bits := modulus.BitLen(); bits < 2048 || bits > 8192 || !odd || exponent.BitLen() < 2 || exponent.BitLen() > 31 {
		return nil, false
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}, true
}

// ecKey rejects points that are not on the curve and coordinates of another length (RFC 7518
// section 6.2.1).
func ecKey(crv string, x, y []byte) (crypto.PublicKey, bool) {
	curve := curves[crv]
	if curve == nil {
		return nil, false
	}
	size := (curve.Params().BitSize + 7) / 8
	key, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
	return key, err == nil && len(x) == size && len(y) == size
}

// hasSmallOrder reports whether an Ed25519 key is one of the points whose order divides 8, in any
// encoding. Signatures for them can be made without a private key.
func hasSmallOrder(x []byte) bool {
	y := slices.Clone(x)
	y[31] &= 0x7f // the sign of the other coordinate
	return slices.Contains(smallOrderY, string(y))
}

// smallOrderY is the second coordinate of these points, in little endian. It is never modified.
var smallOrderY = []string{
	"\x00" + strings.Repeat("\x00", 31),
	"\x01" + strings.Repeat("\x00", 31),
	"\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05",
	"\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a",
	"\xec" + strings.Repeat("\xff", 30) + "\x7f", // -1
	"\xed" + strings.Repeat("\xff", 30) + "\x7f", // 0, not reduced
	"\xee" + strings.Repeat("\xff", 30) + "\x7f", // 1, not reduced
}
