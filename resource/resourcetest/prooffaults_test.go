package resourcetest_test

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/fips140"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/resource/resourcetest"
)

// Each fault makes a proof that proofProblem rejects because of the part that the name of the
// fault begins with. All parts that are checked before are valid. Faults of other names are
// faults of the form.
func TestProofFaults(t *testing.T) {
	parts := []string{"typ", "alg", "crit", "b64", "zip", "jku", "x5u", "x5c", "jwk", "signature", "iat", "jti", "nonce", "ath", "htm", "htu"}
	for _, alg := range []string{"ES256", "ES384", "RS256", "PS256", "EdDSA"} {
		key := resourcetest.NewProofKey(alg)
		p := resourcetest.Proof{Token: "t", Method: "GET", URL: "https://mcp.example.com/mcp", Nonce: "n"}
		if problem := proofProblem(key.Thumbprint(), key.Proof(p)); problem != "" {
			t.Fatalf("%s: a valid proof: %s", alg, problem)
		}
		seen := make(map[resourcetest.ProofFault]bool)
		for _, fault := range resourcetest.ProofFaults() {
			if seen[fault] {
				t.Errorf("%s is a duplicate", fault)
			}
			seen[fault] = true
			want := strings.ToLower(strings.Trim(strings.Split(string(fault), " ")[0], ","))
			if !slices.Contains(parts, want) {
				want = "form"
			}
			faulty := key.Faulty(fault)
			if got := proofProblem(faulty.Thumbprint(), faulty.Proof(p)); got != want {
				t.Errorf("%s: %q: got %q, want %q", alg, fault, got, want)
			}
			p := p
			p.Fault = fault
			if got := proofProblem("", key.Proof(p)); got != want {
				t.Errorf("%s: %q in Proof.Fault: got %q, want %q", alg, fault, got, want)
			}
		}
	}
}

// Faulty replaces the key only if the fault requires it.
func TestFaultyKey(t *testing.T) {
	key := resourcetest.NewProofKey("")
	for _, row := range []struct {
		fault    resourcetest.ProofFault
		replaced bool
	}{
		{"typ missing", false},
		{"jwk missing", false},
		{"jwk with the private EC key", false},
		{"jwk with the private RSA key", true},
		{"jwk off the curve", true},
		{"jwk symmetric", true},
		{"signature with PSS for RS256", true},
	} {
		if got := key.Faulty(row.fault).Thumbprint() != key.Thumbprint(); got != row.replaced {
			t.Errorf("%s: replaced %v, want %v", row.fault, got, row.replaced)
		}
	}
}

// proofProblem returns the first part of the proof that RFC 9449 §4.3 or the RFCs that it refers
// to forbid, or "". The proof must be for GET https://mcp.example.com/mcp, the token "t", the nonce
// "n" and, unless it is empty, the key with this thumbprint. It is not a fast or small
// implementation, and it reports duplicate members like a wrong value.
func proofProblem(thumbprint, proof string) string {
	segments := strings.Split(proof, ".")
	var parts [3][]byte
	if len(segments) != 3 || len(proof) > 8<<10 {
		return "form"
	}
	for i, s := range segments {
		var err error
		if parts[i], err = base64.RawURLEncoding.Strict().DecodeString(s); err != nil {
			return "form"
		}
	}
	header, problem := strictObject(parts[0])
	if problem != "" {
		return problem
	}
	if problem := headerProblem(header); problem != "" {
		return problem
	}
	key, ok := strictKey(header["jwk"])
	if !ok {
		return "jwk"
	}
	alg := textOf(header["alg"])
	if !verifies(key, alg, proof) {
		return "signature"
	}
	if thumbprint != "" && thumbprint != independentThumbprint(header["jwk"].(map[string]any)) {
		return "thumbprint"
	}
	claims, problem := strictObject(parts[1])
	return cmp.Or(problem, claimsProblem(claims))
}

func headerProblem(header map[string]any) string {
	families := map[string]string{"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
	alg := textOf(header["alg"])
	jwk, _ := header["jwk"].(map[string]any)
	switch kty, _ := jwk["kty"].(string); {
	case header["typ"] != "dpop+jwt":
		return "typ"
	case kty == "oct":
		return "jwk"
	case !slices.Contains(algorithms, alg):
		return "alg"
	case kty == "EC" && families[alg[:2]] == "EC" && map[string]string{"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}[alg] != jwk["crv"] && curves[textOf(jwk["crv"])] != nil:
		return "alg"
	case slices.Contains([]string{"EC", "OKP", "RSA"}, kty) && families[alg[:2]] != kty:
		return "alg"
	}
	for _, name := range []string{"crit", "b64", "zip", "jku", "x5u", "x5c"} {
		if _, ok := header[name]; ok && header["jwk"] != nil {
			if name == "b64" && header["crit"] != nil {
				continue
			}
			return name
		}
	}
	return ""
}

// textOf returns a string, or "" for another type.
func textOf(v any) string { s, _ := v.(string); return s }

func claimsProblem(claims map[string]any) string {
	for name := range claims {
		if lower := strings.ToLower(name); lower != name {
			return lower
		}
	}
	iat, ok := claims["iat"].(float64)
	if age := time.Since(time.Unix(int64(iat), 0)); !ok || iat != float64(int64(iat)) || age.Abs() > time.Minute {
		return cmp.Or(missing(claims), "iat")
	}
	switch jti := textOf(claims["jti"]); {
	case jti == "" || len(jti) > 256:
		return "jti"
	case claims["nonce"] != "n":
		return "nonce"
	case claims["ath"] != sha256Text("t"):
		return "ath"
	case claims["htm"] != "GET":
		return "htm"
	case claims["htu"] != "https://mcp.example.com/mcp":
		return "htu"
	}
	return ""
}

// missing returns "form" if the claims are empty.
func missing(claims map[string]any) string {
	if len(claims) == 0 {
		return "form"
	}
	return ""
}

// strictObject reads a JSON object without duplicate members. For a duplicate or a number that is
// too large, the problem is the name of the member.
func strictObject(content []byte) (map[string]any, string) {
	var value any
	err := json.Unmarshal(content, &value)
	var syntax *jsontext.SyntacticError
	var semantic *json.SemanticError
	object, ok := value.(map[string]any)
	name := ""
	switch {
	case errors.As(err, &semantic):
		name = string(semantic.JSONPointer)
	case errors.As(err, &syntax) && errors.Is(err, jsontext.ErrDuplicateName):
		name = string(syntax.JSONPointer)
	case err == nil && ok:
		return object, ""
	}
	if name != "" {
		return nil, strings.Split(name, "/")[1]
	}
	return nil, "form"
}

// strictKey reads a public key in a JWK, with the standard library.
func strictKey(value any) (crypto.PublicKey, bool) {
	jwk, _ := value.(map[string]any)
	if _, private := jwk["d"]; private || jwk["k"] != nil {
		return nil, false
	}
	crv := textOf(jwk["crv"])
	switch jwk["kty"] {
	case "RSA":
		return strictRSA(binary(jwk, "n"), binary(jwk, "e"))
	case "EC":
		curve := curves[crv]
		if curve == nil {
			return nil, false
		}
		size := (curve.Params().BitSize + 7) / 8
		x, y := binary(jwk, "x"), binary(jwk, "y")
		key, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
		return key, err == nil && len(x) == size && len(y) == size
	case "OKP":
		x := binary(jwk, "x")
		if len(x) != 32 || crv != "Ed25519" {
			return nil, false
		}
		// This signature is valid for the neutral element, whatever was signed.
		forged := append(append([]byte{1}, make([]byte, 31)...), make([]byte, 32)...)
		return ed25519.PublicKey(x), !ed25519.Verify(x, []byte("anything"), forged)
	}
	return nil, false
}

func strictRSA(n, e []byte) (crypto.PublicKey, bool) {
	exponent := new(big.Int).SetBytes(e)
	ok := len(n) >= 256 && len(n) <= 1024 && exponent.Bit(0) == 1 && exponent.Cmp(big.NewInt(3)) >= 0
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(exponent.Int64())}, ok
}

// binary decodes a member, or returns nil.
func binary(jwk map[string]any, name string) []byte {
	b, err := base64.RawURLEncoding.Strict().DecodeString(textOf(jwk[name]))
	if err != nil {
		return nil
	}
	return b
}

// independentThumbprint computes RFC 7638 with the member lists of its §3.2 and RFC 8037 §2.
func independentThumbprint(jwk map[string]any) string {
	var out bytes.Buffer
	for _, name := range map[any][]string{"RSA": {"e", "kty", "n"}, "EC": {"crv", "kty", "x", "y"}, "OKP": {"crv", "kty", "x"}}[jwk["kty"]] {
		out.WriteString(`,"` + name + `":"` + jwk[name].(string) + `"`)
	}
	return sha256Text("{" + strings.TrimPrefix(out.String(), ",") + "}")
}

// Some faulty proofs have signatures that a verifier without checks of the key, the header and the
// size accepts.
func TestFaultyProofsVerify(t *testing.T) {
	for _, fault := range []resourcetest.ProofFault{"jwk of small order", "jwk of RSA with 1,024 bits", "jku beside jwk", "crit b64 with b64 false", "too large"} {
		if fault == "jwk of RSA with 1,024 bits" && fips140.Enforced() {
			continue // the standard library does not verify with such a key then
		}
		readProof(t, resourcetest.NewProofKey("").Proof(resourcetest.Proof{Fault: fault}))
	}
}
