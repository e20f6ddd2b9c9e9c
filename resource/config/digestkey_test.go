package config_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource/resourcetest"
)

// Servers with the same digest_key_file write the same digest of a token, which is that of the
// key in the file, byte for byte.
func TestDigestKeyFile(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	key := strings.Repeat("k", 31) + "\n"
	sum := sha256.Sum256([]byte("opaque"))
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(hex.EncodeToString(sum[:])))
	want := fmt.Sprintf("%x", mac.Sum(nil)[:8])
	s := newTestServer(t, issuer, map[string]string{"key": key}, "  digest_key_file: key", "  client_id: x", "  client_secret: s3cr3t",
		"  introspection_endpoint: https://auth.example.test/elsewhere") // so that the rejection is logged as a warning
	s.send("opaque")
	if log := fmt.Sprint(s.log); !strings.Contains(log, want) {
		t.Errorf("got %s, want the digest %s", log, want)
	}
}

// A short key is a mistake, because with it a reader of the log could guess the key and test
// which token a digest belongs to.
func TestShortDigestKey(t *testing.T) {
	for _, row := range []struct{ name, key, want string }{
		{"an empty file", "", "0 bytes"},
		{"31 bytes", strings.Repeat("k", 31), "31 bytes"},
	} {
		file := write(t, t.TempDir(), "key", row.key)
		if got, want := mistakesOf(t, textConfig(block("  digest_key_file: "+file))), "text:4: digest_key_file: "+row.want+"; use at least 32 from crypto/rand"; got != want {
			t.Errorf("%s:\n got %s\nwant %s", row.name, got, want)
		}
	}
}
