package apikey_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/apikey"
)

// An error reports all mistakes with their positions, and contains no key or digest.
func TestMistakes(t *testing.T) {
	key, digest := apikey.Generate("mcp_")
	_, err := apikey.New(apikey.Config{Resource: "mcp", Issuer: "a\nb", File: "keys.json", Keys: []apikey.Key{
		{ID: "valid", SHA256: digest, Subject: "robot"},
		{ID: "valid", SHA256: digest, Subject: "robot"},
		{ID: key + "\n", SHA256: key},
		{ID: "c", SHA256: digest[:62], Subject: strings.Repeat("x", 257)},
		{ID: "d", SHA256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", Subject: "a\x00"},
		{ID: "e", SHA256: strings.Repeat("0", 64), Subject: "robot", Scopes: []string{"a b", "a", "a"}, Expires: time.Unix(-1, 0)},
		{ID: "f", SHA256: strings.Repeat("1", 64), Subject: "robot", Expires: time.Now().AddDate(9, 0, 1)},
	}})
	const want = `apikey: configuration: Resource: metadata: resource identifier "mcp": must be an absolute URL, such as https://host.example.com/path
Issuer: must not have control characters or more than 256 bytes
Keys, File: both are set; set only one of them
Keys[1] "valid": id is already used by Keys[0]; give each key a different id
Keys[1] "valid": sha256 is already used by Keys[0]; a key can have only one entry
Keys[2]: id: must be 1 to 256 letters, digits or . _ : @ / -
Keys[2]: sha256: must be 64 hexadecimal digits: the digest of the key, as returned by Generate
Keys[2]: subject, client_id: both are empty; set at least one of them
Keys[3] "c": sha256: must be 64 hexadecimal digits: the digest of the key, as returned by Generate
Keys[3] "c": subject, client_id: must not have control characters or more than 256 bytes
Keys[4] "d": sha256: is the digest of an empty text; use the digest of the key
Keys[4] "d": subject, client_id: must not have control characters or more than 256 bytes
Keys[5] "e": scopes[0]: is not a scope: use printable ASCII without space, double quote and backslash (RFC 6749 §3.3)
Keys[5] "e": scopes[2]: is a duplicate
Keys[5] "e": expires: must not be before 1970 or more than 9 years in the future
Keys[6] "f": expires: must not be before 1970 or more than 9 years in the future`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestNoKeys(t *testing.T) {
	for name, keys := range map[string][]apikey.Key{"nil": nil, "empty": {}} {
		_, err := apikey.New(apikey.Config{Resource: identifier, Keys: keys})
		if want := "apikey: configuration: Keys, File: neither is set; create a key with Generate"; err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
}

func TestNumberOfKeys(t *testing.T) {
	keys := make([]apikey.Key, maxKeys+1)
	for n := range keys {
		keys[n] = apikey.Key{ID: fmt.Sprint("key-", n), SHA256: fmt.Sprintf("%064x", n), Subject: "robot"}
	}
	for n, want := range map[int]string{maxKeys: "<nil>", maxKeys + 1: "apikey: configuration: Keys: 10001 keys; the limit is 10000"} {
		if _, err := apikey.New(apikey.Config{Resource: identifier, Keys: keys[:n]}); fmt.Sprint(err) != want {
			t.Errorf("%d keys: got %v, want %s", n, err, want)
		}
	}
}

// An error has at most 20 mistakes.
func TestManyMistakes(t *testing.T) {
	_, err := apikey.New(apikey.Config{Resource: identifier, Keys: make([]apikey.Key, 100)})
	if err == nil || strings.Count(err.Error(), "\n") != 20 || !strings.HasSuffix(err.Error(), "\nand 280 more mistakes") {
		t.Errorf("got %v, want 20 mistakes and the number of others", err)
	}
}

// Config.Opaque rejects a key verifier, which the metadata would publish as an
// authorization server.
func TestKeyVerifierAsOpaque(t *testing.T) {
	_, digest := apikey.Generate("")
	keys, err := apikey.New(apikey.Config{Resource: identifier, Keys: []apikey.Key{{ID: "ci", SHA256: digest, Subject: "robot"}}})
	if err != nil {
		t.Fatal(err)
	}
	if keys.Issuer() != apikey.DefaultIssuer {
		t.Errorf("got issuer %q, want %q", keys.Issuer(), apikey.DefaultIssuer)
	}
	if _, err = resource.New(resource.Config{Identifier: identifier, Opaque: &resource.Issuer{Verifier: keys}}); err == nil || !strings.Contains(err.Error(), `"api-keys"`) {
		t.Errorf("got %v, want an error that names the issuer", err)
	}
}

// A Config is formatted without digests, and without a key that was written instead of a
// digest by mistake.
func TestConfigDoesNotPrintKeys(t *testing.T) {
	key, digest := apikey.Generate("mcp_")
	config := apikey.Config{Resource: identifier, Keys: []apikey.Key{{ID: "ci", SHA256: key}, {ID: "cd", SHA256: digest}}}
	_, err := apikey.New(config)
	for _, printed := range []string{fmt.Sprintf("%v", config), fmt.Sprintf("%+v", config), fmt.Sprintf("%#v", config), fmt.Sprintf("%s %q %x", config.Keys[0], config.Keys[0], config.Keys[0]), errors.Join(err).Error()} {
		if strings.Contains(printed, key[4:]) || strings.Contains(printed, digest) {
			t.Errorf("a key or digest is in %s", printed)
		}
	}
}
