package apikey_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warder-go/warder/resource/apikey"
)

// logged returns how often a message was logged, and forgets the log.
func (w *world) logged(message string) int {
	w.noSecrets()
	defer w.log.Reset()
	return strings.Count(w.log.String(), `"msg":"`+message+`"`)
}

func TestFileIsReadAgain(t *testing.T) {
	inWorld(t, nil, document(), func(w *world) {
		first, firstDigest := w.make()
		second, secondDigest := w.make()
		w.expect("no keys yet", first, http.StatusUnauthorized)

		w.write(document(entry("first", firstDigest, "")))
		w.expect("a new key, looked at too early", first, http.StatusUnauthorized)
		time.Sleep(apikey.CheckInterval)
		w.expect("a new key", first, http.StatusOK)
		w.expect("one that is still to come", second, http.StatusUnauthorized)

		w.write(document(entry("second", secondDigest, "")))
		time.Sleep(apikey.CheckInterval - 1)
		w.expect("taken out, a moment early", first, http.StatusOK)
		time.Sleep(1)
		w.expect("taken out, remembered or not", first, http.StatusUnauthorized)
		w.expect("put in", second, http.StatusOK)

		w.write(document(entry("second", secondDigest, `,"expires":"1999-01-01T00:00:00Z"`)))
		time.Sleep(apikey.CheckInterval)
		w.expect("its entry was changed", second, http.StatusUnauthorized)
	})
}

// A remembered token is asked about on every use, also if nobody else comes.
func TestRemovedKeyIsForgotten(t *testing.T) {
	inWorld(t, nil, document(), func(w *world) {
		key, digest := w.make()
		other, otherDigest := w.make()
		w.write(document(entry("a", digest, ""), entry("b", otherDigest, "")))
		if got := w.ask("Authorization", "Bearer "+key).Code; got != 200 {
			t.Fatalf("got %d, want 200", got)
		}
		caller := w.caller
		w.write(document(entry("b", otherDigest, ""), entry("a", digest, "")))
		time.Sleep(apikey.CheckInterval)
		if got := w.ask("Authorization", "Bearer "+key).Code; got != 200 || w.caller != caller {
			t.Errorf("the file was changed, the key's entry was not: got %d, remembered: %v; want 200, true", got, w.caller == caller)
		}
		w.write(document(entry("a", digest, `,"client_id":"app"`), entry("b", otherDigest, "")))
		time.Sleep(apikey.CheckInterval)
		if got := w.ask("Authorization", "Bearer "+key).Code; got != 200 || w.caller.ClientID() != "app" {
			t.Errorf("the entry was changed: got %d and client %q, want 200 and the new one", got, w.caller.ClientID())
		}
		w.write(document(entry("b", otherDigest, "")))
		time.Sleep(apikey.CheckInterval)
		if got := w.ask("Authorization", "Bearer "+key).Code; got != 401 {
			t.Errorf("taken out: got %d, want 401", got)
		}
		w.expect("the other", other, 200)
	})
}

// After an idle time nobody slips in on what was known before it.
func TestAllWaitForADueLook(t *testing.T) {
	inWorld(t, nil, document(), func(w *world) {
		key, digest := w.make()
		w.write(document(entry("a", digest, "")))
		w.expect("known", key, 200)
		w.write(document())
		time.Sleep(time.Hour)
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if claims, err := w.keys.VerifyHeader(t.Context(), key, nil); err == nil {
					t.Errorf("got %v, want none", claims.Subject)
				}
			})
		}
		all.Wait()
		const want = `warder_api_key_file_broken{issuer="api-keys"} 0
warder_api_key_file_reads_total{issuer="api-keys",outcome="loaded"} 2
warder_api_key_file_reads_total{issuer="api-keys",outcome="malformed"} 0
warder_api_key_file_reads_total{issuer="api-keys",outcome="too_large"} 0
warder_api_key_file_reads_total{issuer="api-keys",outcome="unchanged"} 0
warder_api_key_file_reads_total{issuer="api-keys",outcome="unreadable"} 0
warder_api_keys{issuer="api-keys"} 0
`
		if got := w.metrics(); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

func TestBrokenFileKeepsTheKeys(t *testing.T) {
	inWorld(t, nil, document(), func(w *world) {
		key, digest := w.make()
		good := document(entry("a", digest, ""))
		w.write(good)
		w.expect("good", key, http.StatusOK)
		w.logged("")
		for _, row := range []struct{ name, text, outcome string }{
			{"half a file", good[:len(good)/2], "malformed"},
			{"no file", "", "unreadable"},
			{"an empty object", "{}", "malformed"},
			{"too large", good + strings.Repeat(" ", apikey.MaxFileBytes), "too_large"},
		} {
			w.write(row.text)
			for range 3 {
				time.Sleep(apikey.CheckInterval)
				w.expect(row.name, key, http.StatusOK)
			}
			if n := w.logged("API keys can't be read"); n != 1 {
				t.Errorf("%s: got %d log lines, want 1", row.name, n)
			}
			if got, want := w.metrics(), `outcome="`+row.outcome+`"} 0`; strings.Contains(got, want) || !strings.Contains(got, `broken{issuer="api-keys"} 1`) || !strings.Contains(got, `warder_api_keys{issuer="api-keys"} 1`) {
				t.Errorf("%s: got\n%s", row.name, got)
			}
			if err := w.keys.Ready(t.Context()); err != nil {
				t.Errorf("%s: not ready, though there are keys: %v", row.name, err)
			}
		}
		w.write(good)
		time.Sleep(apikey.CheckInterval)
		w.expect("the same as at first", key, http.StatusOK)
		if n := w.logged("API keys read"); n != 1 || !strings.Contains(w.metrics(), `broken{issuer="api-keys"} 0`) {
			t.Errorf("mended: got %d log lines, want 1, and\n%s", n, w.metrics())
		}
	})
}

// Without a good file nobody can tell: 503, not 401 (RFC 6750 §3.1 has no error for it).
func TestFileThatWasNeverGood(t *testing.T) {
	inWorld(t, nil, "", func(w *world) {
		key, digest := w.make()
		w.expect("no file", key, http.StatusServiceUnavailable)
		if got := w.ask("X-API-Key", key).Header().Get("Retry-After"); got != "1" {
			t.Errorf("got Retry-After %q, want 1", got)
		}
		if err := w.keys.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), w.file) {
			t.Errorf("got %v, want one that names the file", err)
		}
		w.write(document(entry("a", digest, "")))
		time.Sleep(apikey.ColdInterval)
		if err := w.keys.Ready(t.Context()); err != nil {
			t.Errorf("not ready: %v", err)
		}
		w.expect("there it is", key, http.StatusOK)
	})
}

// A device or a pipe could let everybody wait for ever.
func TestFileThatIsNone(t *testing.T) {
	inWorld(t, nil, "", func(w *world) {
		if err := os.Symlink(os.DevNull, w.file); err != nil {
			t.Skip(err)
		}
		if err := w.keys.Ready(t.Context()); err == nil || !strings.HasSuffix(err.Error(), "is not a regular file") {
			t.Errorf("a device: got %v", err)
		}
		w.write("")
		if err := os.Mkdir(w.file, 0o700); err != nil {
			t.Fatal(err)
		}
		time.Sleep(apikey.ColdInterval)
		if err := w.keys.Ready(t.Context()); err == nil || !strings.HasSuffix(err.Error(), "is not a regular file") {
			t.Errorf("a directory: got %v", err)
		}
	})
}

func TestFileMistakes(t *testing.T) {
	digest := strings.Repeat("ab", 32)
	good := entry("a", digest, "")
	for _, row := range []struct{ name, text, want string }{
		{"no JSON", "keys: []", "line 1: malformed JSON at byte 0"},
		{"JSON that ends early, on its line", "{\n\"keys\":\n[", "line 3: malformed JSON at byte 11"},
		{"a byte order mark", "\uFEFF{}", "line 1: malformed JSON at byte 0"},
		{"an array", "[]", "not a JSON object"},
		{"two documents", document() + document(), "data after the JSON value"},
		{"no member keys", `{}`, `member "keys" is missing; without keys it is {"keys": []}`},
		{"a further member", `{"keys":[],"Version":1}`, "the file: member 2 is unknown; there are keys"},
		{"another case", `{"Keys":[]}`, `member name differs only in case from "keys"`},
		{"keys twice", "{\"keys\":[],\n\"keys\":[]}", "line 2: duplicate member name"},
		{"keys that are no array", `{"keys":{}}`, `member "keys": is not an array`},
		{"null", `{"keys":null}`, `member "keys": is not an array`},
		{"a key that is no object", document(good, `"mcp_secret"`), "keys[1]: not a JSON object"},
		{"a further member of a key", document(entry("a", digest, `,"scope":"b","note":"mcp_secret"`)), "keys[0] \"a\": member 5 is unknown; there are id, sha256, subject, client_id, scopes, expires\nkeys[0] \"a\": member 6 is unknown; there are id, sha256, subject, client_id, scopes, expires"},
		{"a member of a key in another case", document(entry("a", digest, `,"Expires":""`)), `keys[0] "a": member name differs only in case from "expires"`},
		{"a member of a key twice", document(good, entry("b", digest, `,"subject":"eve"`)), "line 2: duplicate member name"},
		{"the same, spelled with an escape", document(entry("a", digest, `,"\u0073ubject":"eve"`)), "line 1: duplicate member name"},
		{"members of other types", document(`{"id":"a","sha256":1,"subject":null,"client_id":[],"scopes":"a b","expires":1}`), "keys[0] \"a\": sha256: is not a string\nkeys[0] \"a\": subject: is not a string\nkeys[0] \"a\": client_id: is not a string\nkeys[0] \"a\": scopes: is not an array of strings\nkeys[0] \"a\": expires: is not a string"},
		{"expiry of no date", document(entry("a", digest, `,"expires":""`), entry("b", digest, `,"expires":"2027-01-01"`)), "keys[0] \"a\": expires: is not a time as in \"2027-01-01T00:00:00Z\" (RFC 3339)\nkeys[1] \"b\": expires: is not a time as in \"2027-01-01T00:00:00Z\" (RFC 3339)"},
		{"an id and a digest twice", document(good, good), "keys[1] \"a\": id is that of keys[0]; give each key its own\nkeys[1] \"a\": sha256 is that of keys[0]; one key can't have two entries"},
		{"a digest twice, in another case", document(good, entry("b", strings.ToUpper(digest), "")), `keys[1] "b": sha256 is that of keys[0]; one key can't have two entries`},
		{"nothing said", document("{}"), "keys[0]: id: 1 to 256 letters, digits and . _ : @ / -\nkeys[0]: sha256: is not 64 hex digits; it is the digest of the key, as Generate returns it\nkeys[0]: subject, client_id: both are empty; say who calls with the key"},
		{"the key for its digest", document(entry("a", "mcp_secret", "")), `keys[0] "a": sha256: is not 64 hex digits; it is the digest of the key, as Generate returns it`},
		{"too many", document(strings.Repeat("{},", apikey.MaxKeys) + "{},{}"), `member "keys": more than 10000 keys`},
	} {
		inWorld(t, nil, row.text, func(w *world) {
			err := w.keys.Ready(t.Context())
			want := fmt.Sprintf("apikey: file %q: %s", w.file, row.want)
			if err == nil || err.Error() != want {
				t.Errorf("%s:\n got %v\nwant %s", row.name, err, want)
			}
			w.made = append(w.made, "mcp_secret")
		})
	}
}
