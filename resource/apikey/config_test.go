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

// All mistakes at once, each with its place and its fix, none with a key or a digest.
func TestMistakes(t *testing.T) {
	key, digest := apikey.Generate("mcp_")
	_, err := apikey.New(apikey.Config{Resource: "mcp", Issuer: "a\nb", File: "keys.json", Keys: []apikey.Key{
		{ID: "good", SHA256: digest, Subject: "robot"},
		{ID: "good", SHA256: digest, Subject: "robot"},
		{ID: key + "\n", SHA256: key},
		{ID: "c", SHA256: digest[:62], Subject: strings.Repeat("x", 257)},
		{ID: "d", SHA256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", Subject: "a\x00"},
		{ID: "e", SHA256: strings.Repeat("0", 64), Subject: "robot", Scopes: []string{"a b", "a", "a"}, Expires: time.Unix(-1, 0)},
		{ID: "f", SHA256: strings.Repeat("1", 64), Subject: "robot", Expires: time.Now().AddDate(9, 0, 1)},
	}})
	const want = `apikey: configuration: Resource: metadata: resource identifier "mcp": must be an absolute URL, such as https://host.example.com/path
Issuer: has control characters or more than 256 bytes
Keys, File: both are set; keep one
Keys[1] "good": id is that of Keys[0]; give each key its own
Keys[1] "good": sha256 is that of Keys[0]; one key can't have two entries
Keys[2]: id: 1 to 256 letters, digits and . _ : @ / -
Keys[2]: sha256: is not 64 hex digits; it is the digest of the key, as Generate returns it
Keys[2]: subject, client_id: both are empty; say who calls with the key
Keys[3] "c": sha256: is not 64 hex digits; it is the digest of the key, as Generate returns it
Keys[3] "c": subject, client_id: control characters or more than 256 bytes
Keys[4] "d": sha256: is the digest of nothing; digest the key itself
Keys[4] "d": subject, client_id: control characters or more than 256 bytes
Keys[5] "e": scopes[0]: is no scope: printable ASCII without space, quote and backslash (RFC 6749 §3.3)
Keys[5] "e": scopes[2]: stands twice
Keys[5] "e": expires: is before 1970 or more than 9 years ahead
Keys[6] "f": expires: is before 1970 or more than 9 years ahead`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestNoKeysAtAll(t *testing.T) {
	for name, keys := range map[string][]apikey.Key{"nil": nil, "none": {}} {
		_, err := apikey.New(apikey.Config{Resource: identifier, Keys: keys})
		if want := "apikey: configuration: Keys, File: neither is set; make a key with Generate"; err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
}

func TestNumberOfKeys(t *testing.T) {
	keys := make([]apikey.Key, apikey.MaxKeys+1)
	for n := range keys {
		keys[n] = apikey.Key{ID: fmt.Sprint("key-", n), SHA256: fmt.Sprintf("%064x", n), Subject: "robot"}
	}
	for n, want := range map[int]string{apikey.MaxKeys: "<nil>", apikey.MaxKeys + 1: "apikey: configuration: Keys: 10001 keys are more than 10000"} {
		if _, err := apikey.New(apikey.Config{Resource: identifier, Keys: keys[:n]}); fmt.Sprint(err) != want {
			t.Errorf("%d keys: got %v, want %s", n, err, want)
		}
	}
}

// Long lists of mistakes are cut.
func TestManyMistakes(t *testing.T) {
	_, err := apikey.New(apikey.Config{Resource: identifier, Keys: make([]apikey.Key, 100)})
	if err == nil || strings.Count(err.Error(), "\n") != 20 || !strings.HasSuffix(err.Error(), "\nand 280 mistakes more") {
		t.Errorf("got %v, want 20 and how many more", err)
	}
}

// As Config.Opaque a verifier of keys would be published as an authorization server.
func TestKeysAreNoAuthorizationServer(t *testing.T) {
	_, digest := apikey.Generate("")
	keys, err := apikey.New(apikey.Config{Resource: identifier, Keys: []apikey.Key{{ID: "ci", SHA256: digest, Subject: "robot"}}})
	if err != nil {
		t.Fatal(err)
	}
	if keys.Issuer() != apikey.DefaultIssuer {
		t.Errorf("got issuer %q, want %q", keys.Issuer(), apikey.DefaultIssuer)
	}
	if _, err = resource.New(resource.Config{Identifier: identifier, Opaque: &resource.Issuer{Verifier: keys}}); err == nil || !strings.Contains(err.Error(), `"api-keys"`) {
		t.Errorf("got %v, want one that names the issuer", err)
	}
}

// A key that was written where its digest belongs is not printed with the Config.
func TestConfigPrintsNoKey(t *testing.T) {
	key, digest := apikey.Generate("mcp_")
	config := apikey.Config{Resource: identifier, Keys: []apikey.Key{{ID: "ci", SHA256: key}, {ID: "cd", SHA256: digest}}}
	_, err := apikey.New(config)
	for _, printed := range []string{fmt.Sprintf("%v", config), fmt.Sprintf("%+v", config), fmt.Sprintf("%#v", config), fmt.Sprintf("%s %q %x", config.Keys[0], config.Keys[0], config.Keys[0]), errors.Join(err).Error()} {
		if strings.Contains(printed, key[4:]) || strings.Contains(printed, digest) {
			t.Errorf("printed: %s", printed)
		}
	}
}
