package revocation_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/resource/revocation"
)

func TestMistakes(t *testing.T) {
	store, keys := new(memoryStore), [][]byte{key("one")}
	for _, row := range []struct {
		name   string
		config revocation.Config
		want   string // "": none
	}{
		{"zero value", revocation.Config{}, ""},
		{"a store", revocation.Config{Store: store, Keys: keys}, ""},
		{"the shortest MaxAge", revocation.Config{Store: store, Keys: keys, MaxAge: 2 * time.Second}, ""},
		{"the longest MaxAge", revocation.Config{Store: store, Keys: keys, MaxAge: time.Hour}, ""},
		{"a store without keys", revocation.Config{Store: store}, "Keys: none; with a Store, configure 1 to 8 that all processes have"},
		{"a nil pointer", revocation.Config{Store: (*memoryStore)(nil), Keys: keys}, "Store: a nil pointer; leave it out for a list in the memory of this process"},
		{"a short key", revocation.Config{Store: store, Keys: [][]byte{key("one")[:31]}}, "Keys: key 1 has 31 bytes; want at least 32 random bytes"},
		{"keys without a store", revocation.Config{Keys: keys}, "Keys, MaxAge, AcceptOutdated: without a Store they have no effect; remove them"},
		{"MaxAge without a store", revocation.Config{MaxAge: time.Minute}, "Keys, MaxAge, AcceptOutdated: without a Store they have no effect; remove them"},
		{"AcceptOutdated without a store", revocation.Config{AcceptOutdated: true}, "Keys, MaxAge, AcceptOutdated: without a Store they have no effect; remove them"},
		{"MaxEntries is negative", revocation.Config{MaxEntries: -1}, "MaxEntries: -1 is negative; use 0 for 1000000"},
		{"MaxAge is too short", revocation.Config{Store: store, Keys: keys, MaxAge: 2*time.Second - 1}, "MaxAge: 1.999999999s is not between 2s and 1h0m0s"},
		{"MaxAge is too long", revocation.Config{Store: store, Keys: keys, MaxAge: time.Hour + 1}, "MaxAge: 1h0m0.000000001s is not between 2s and 1h0m0s"},
		{"two mistakes", revocation.Config{Store: store, MaxEntries: -1}, "Keys: none; with a Store, configure 1 to 8 that all processes have\nMaxEntries: -1 is negative; use 0 for 1000000"},
	} {
		list, err := revocation.New(row.config)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if row.want != "" {
			row.want = "revocation: configuration: " + row.want
		}
		if got != row.want || (list == nil) != (err != nil) {
			t.Errorf("%s:\n got %s\nwant %s", row.name, got, row.want)
		}
	}
}

// Neither keys nor tokens are printed.
func TestNothingSecretIsPrinted(t *testing.T) {
	const token = "opaque-token-of-alice"
	config := revocation.Config{Store: new(memoryStore), Keys: [][]byte{key("secret-key")}}
	entry := revocation.Entry{Issuer: "https://auth.example.com", Token: token}
	var written bytes.Buffer
	for _, v := range []any{config, &config, newList(t, config), entry, &entry, []revocation.Entry{entry}} {
		fmt.Fprintf(&written, "%v %+v %#v %s %q\n", v, v, v, v, v)
		slog.New(slog.NewTextHandler(&written, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&written, nil)).Info("x", "v", v)
		encoded, err := json.Marshal(v)
		if err != nil {
			t.Error(err)
		}
		written.Write(encoded)
	}
	for _, secret := range []string{token, "secret-key", fmt.Sprint(key("secret-key")[:8])[1:20], "c2VjcmV0LWtleX"} {
		if strings.Contains(written.String(), secret) {
			t.Errorf("the text contains %s:\n%s", secret, &written)
		}
	}
	if got, want := fmt.Sprintf("%+v", revocation.Entry{Issuer: "i", Subject: "alice"}), "{Issuer:i TokenID: Subject:alice Client: Session: Token: AllTokens:false IssuedBy:0001-01-01 00:00:00 +0000 UTC Until:0001-01-01 00:00:00 +0000 UTC}"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
