package jose_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/jose"
)

// recipe has the fields of a file of the JOSE cookbook that the tests use.
type recipe struct {
	Title string
	Input struct{ Key json.RawMessage }
	Out   struct {
		Compact  string
		JSON     json.RawMessage
		JSONFlat json.RawMessage `json:"json_flat"`
	} `json:"output"`
}

// public returns the key as an issuer publishes it: without the secret members.
func public(t *testing.T, key json.RawMessage) json.RawMessage {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal(key, &members); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"d", "p", "q", "dp", "dq", "qi"} {
		delete(members, secret)
	}
	out, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// RFC 7520 §4, RFC 8037 §A.4, RFC 7797 §4.2. Only the compact form is accepted.
func TestCookbookSignatures(t *testing.T) {
	accepted := 0
	for _, row := range []struct{ file, want string }{ // want is the reason for rejection, or "" if accepted
		{"jws/4_1.rsa_v15_signature.json", ""},
		{"jws/4_2.rsa-pss_signature.json", ""},
		{"jws/4_3.ecdsa_signature.json", ""},
		{"curve25519/jws.json", ""},
		{"jws/4_4.hmac-sha2_integrity_protection.json", "jose: algorithm not supported"},
		{"jws/4_5.signature_with_detached_content.json", "jose: algorithm not supported"}, // its payload is empty, too
		{"jws/4_6.protecting_specific_header_fields.json", "no compact form"},
		{"jws/4_7.protecting_content_only.json", "no compact form"},
		{"jws/4_8.multiple_signatures.json", "no compact form"},
		{"rfc7797/4.2.hmac-sha2_b64_false.json", "no compact form"},
		{"rfc7797/hmac-sha2_b64_false.json", `jose: malformed token: header: member "b64": is not accepted`},
		{"curve25519/ecdh-es.json", "opaque"},
	} {
		var r recipe
		vectors(t, "jose-cookbook/"+row.file, &r)
		var key json.RawMessage
		if !strings.HasPrefix(string(r.Input.Key), "[") {
			key = public(t, r.Input.Key)
		}
		got := "no compact form"
		if r.Out.Compact != "" {
			got = ""
			if err := verify(keySet(key), r.Out.Compact); err != nil {
				got = err.Error()
			}
		}
		if got != row.want {
			t.Errorf("%s (-want +got)\n- %q\n+ %q", row.file, row.want, got)
		}
		if got == "" {
			accepted++
		}
		for _, serialized := range []json.RawMessage{r.Out.JSON, r.Out.JSONFlat} {
			if _, err := jose.Parse(string(serialized)); err == nil || jose.LooksLikeJWS(string(serialized)) {
				t.Errorf("%s: JSON serialization looks like a token, error %v", row.file, err)
			}
		}
	}
	t.Logf("12 recipes, %d accepted, %d rejected by design", accepted, 12-accepted)
}

// RFC 7520 §3.
func TestCookbookKeys(t *testing.T) {
	for _, row := range []struct{ file, want string }{
		{"3_1.ec_public_key.json", ""},
		{"3_3.rsa_public_key.json", ""},
		{"3_2.ec_private_key.json", `jose: key: member "d": is secret and must not be in a key set`},
		{"3_4.rsa_private_key.json", `jose: key: member "d": is secret and must not be in a key set`},
		{"3_5.symmetric_key_mac_computation.json", `jose: key: member "alg": jose: algorithm not supported`},
		{"3_6.symmetric_key_encryption.json", `jose: key: member "use": is not for verifying signatures`},
	} {
		var document json.RawMessage
		vectors(t, "jose-cookbook/jwk/"+row.file, &document)
		got := ""
		if _, err := jose.ParseKey(document); err != nil {
			got = err.Error()
		}
		if got != row.want {
			t.Errorf("%s (-want +got)\n- %q\n+ %q", row.file, row.want, got)
		}
	}
}
