package apikey_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestFileIsReloaded(t *testing.T) {
	withFixture(t, nil, keyFile(), func(f *fixture) {
		first, firstDigest := f.generate()
		second, secondDigest := f.generate()
		f.expect("before the key is in the file", first, http.StatusUnauthorized)

		f.write(keyFile(entry("first", firstDigest, "")))
		f.expect("new key, before the file is read again", first, http.StatusUnauthorized)
		time.Sleep(checkInterval)
		f.expect("new key", first, http.StatusOK)
		f.expect("key that is not in the file yet", second, http.StatusUnauthorized)

		f.write(keyFile(entry("second", secondDigest, "")))
		time.Sleep(checkInterval - 1)
		f.expect("removed key, before the file is read again", first, http.StatusOK)
		time.Sleep(1)
		f.expect("removed key", first, http.StatusUnauthorized)
		f.expect("added key", second, http.StatusOK)

		f.write(keyFile(entry("second", secondDigest, `,"expires":"1999-01-01T00:00:00Z"`)))
		time.Sleep(checkInterval)
		f.expect("key with a changed expiry", second, http.StatusUnauthorized)
	})
}

// A cached token is checked against the file on every use, also without other requests.
func TestRemovedKeyIsRejected(t *testing.T) {
	withFixture(t, nil, keyFile(), func(f *fixture) {
		key, digest := f.generate()
		other, otherDigest := f.generate()
		f.write(keyFile(entry("a", digest, ""), entry("b", otherDigest, "")))
		if got := f.send("Authorization", "Bearer "+key).Code; got != 200 {
			t.Fatalf("got %d, want 200", got)
		}
		caller := f.caller
		f.write(keyFile(entry("b", otherDigest, ""), entry("a", digest, "")))
		time.Sleep(checkInterval)
		if got := f.send("Authorization", "Bearer "+key).Code; got != 200 || f.caller != caller {
			t.Errorf("file changed, entry unchanged: got %d, same caller %v; want 200, true", got, f.caller == caller)
		}
		f.write(keyFile(entry("a", digest, `,"client_id":"app"`), entry("b", otherDigest, "")))
		time.Sleep(checkInterval)
		if got := f.send("Authorization", "Bearer "+key).Code; got != 200 || f.caller.ClientID() != "app" {
			t.Errorf("entry changed: got %d and client %q, want 200 and the new client", got, f.caller.ClientID())
		}
		f.write(keyFile(entry("b", otherDigest, "")))
		time.Sleep(checkInterval)
		if got := f.send("Authorization", "Bearer "+key).Code; got != 401 {
			t.Errorf("entry removed: got %d, want 401", got)
		}
		f.expect("other key", other, 200)
	})
}

// After an idle time, concurrent callers wait for the read of the file.
func TestDueReadBlocksAllCallers(t *testing.T) {
	withFixture(t, nil, keyFile(), func(f *fixture) {
		key, digest := f.generate()
		f.write(keyFile(entry("a", digest, "")))
		f.expect("key in the file", key, 200)
		f.write(keyFile())
		time.Sleep(time.Hour)
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if claims, err := f.keys.VerifyHeader(t.Context(), key, nil); err == nil {
					t.Errorf("got subject %v, want an error", claims.Subject)
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
		if got := f.metrics(); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

func TestInvalidFileKeepsKeys(t *testing.T) {
	withFixture(t, nil, keyFile(), func(f *fixture) {
		key, digest := f.generate()
		valid := keyFile(entry("a", digest, ""))
		f.write(valid)
		f.expect("valid file", key, http.StatusOK)
		f.takeLogged("")
		for _, row := range []struct{ name, text, outcome string }{
			{"truncated file", valid[:len(valid)/2], "malformed"},
			{"missing file", "", "unreadable"},
			{"empty object", "{}", "malformed"},
			{"file above the size limit", valid + strings.Repeat(" ", maxFileBytes), "too_large"},
		} {
			f.write(row.text)
			for range 3 {
				time.Sleep(checkInterval)
				f.expect(row.name, key, http.StatusOK)
			}
			if n := f.takeLogged("API key file is missing or invalid"); n != 1 {
				t.Errorf("%s: got %d log records, want 1", row.name, n)
			}
			if got, want := f.metrics(), `outcome="`+row.outcome+`"} 0`; strings.Contains(got, want) || !strings.Contains(got, `broken{issuer="api-keys"} 1`) || !strings.Contains(got, `warder_api_keys{issuer="api-keys"} 1`) {
				t.Errorf("%s: got\n%s", row.name, got)
			}
			if err := f.keys.Ready(t.Context()); err != nil {
				t.Errorf("%s: Ready returned an error although keys are loaded: %v", row.name, err)
			}
		}
		f.write(valid)
		time.Sleep(checkInterval)
		f.expect("original file again", key, http.StatusOK)
		if n := f.takeLogged("API key file read"); n != 1 || !strings.Contains(f.metrics(), `broken{issuer="api-keys"} 0`) {
			t.Errorf("original file again: got %d log records, want 1; metrics\n%s", n, f.metrics())
		}
	})
}

// Until the file has been valid, keys cannot be verified: 503, not 401 (RFC 6750 §3.1 has
// no error code for this).
func TestFileNeverValid(t *testing.T) {
	withFixture(t, nil, "", func(f *fixture) {
		key, digest := f.generate()
		f.expect("missing file", key, http.StatusServiceUnavailable)
		if got := f.send("X-API-Key", key).Header().Get("Retry-After"); got != "1" {
			t.Errorf("got Retry-After %q, want 1", got)
		}
		if err := f.keys.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), f.file) {
			t.Errorf("got %v, want an error that contains the path", err)
		}
		f.write(keyFile(entry("a", digest, "")))
		time.Sleep(retryInterval)
		if err := f.keys.Ready(t.Context()); err != nil {
			t.Errorf("Ready with a valid file: %v", err)
		}
		f.expect("valid file", key, http.StatusOK)
	})
}

// Devices and pipes could block all callers forever.
func TestIrregularFiles(t *testing.T) {
	withFixture(t, nil, "", func(f *fixture) {
		if err := os.Symlink(os.DevNull, f.file); err != nil {
			t.Skip(err)
		}
		if err := f.keys.Ready(t.Context()); err == nil || !strings.HasSuffix(err.Error(), "is not a regular file") {
			t.Errorf("device: got %v", err)
		}
		f.write("")
		if err := os.Mkdir(f.file, 0o700); err != nil {
			t.Fatal(err)
		}
		time.Sleep(retryInterval)
		if err := f.keys.Ready(t.Context()); err == nil || !strings.HasSuffix(err.Error(), "is not a regular file") {
			t.Errorf("directory: got %v", err)
		}
	})
}

func TestFileMistakes(t *testing.T) {
	digest := strings.Repeat("ab", 32)
	valid := entry("a", digest, "")
	for _, row := range []struct{ name, text, want string }{
		{"text that is not JSON", "keys: []", "line 1: malformed JSON at byte 0"},
		{"truncated JSON, with its line", "{\n\"keys\":\n[", "line 3: malformed JSON: unexpected end at byte 11"},
		{"byte order mark", "\uFEFF{}", "line 1: malformed JSON at byte 0"},
		{"array", "[]", "not a JSON object"},
		{"two documents", keyFile() + keyFile(), "data after the JSON value at byte 11"},
		{"without member keys", `{}`, `member "keys" is missing; for a file without keys, write {"keys": []}`},
		{"unknown member", `{"keys":[],"Version":1}`, "the file: member 2 is unknown; known members: keys"},
		{"member in another case", `{"Keys":[]}`, `member name differs only in case from "keys" at byte 1`},
		{"duplicate member", "{\"keys\":[],\n\"keys\":[]}", "line 2: duplicate member name at byte 12"},
		{"keys is not an array", `{"keys":{}}`, `member "keys": is not an array`},
		{"keys is null", `{"keys":null}`, `member "keys": is not an array`},
		{"key is not an object", keyFile(valid, `"mcp_secret"`), "keys[1]: not a JSON object"},
		{"unknown members of a key", keyFile(entry("a", digest, `,"scope":"b","note":"mcp_secret"`)), "keys[0] \"a\": member 5 is unknown; known members: id, sha256, subject, client_id, scopes, expires, resources\nkeys[0] \"a\": member 6 is unknown; known members: id, sha256, subject, client_id, scopes, expires, resources"},
		{"member of a key in another case", keyFile(entry("a", digest, `,"Expires":""`)), `keys[0] "a": member name differs only in case from "expires" at byte 126`},
		{"duplicate member of a key", keyFile(valid, entry("b", digest, `,"subject":"eve"`)), "line 2: duplicate member name at byte 263"},
		{"duplicate member of a key, written with an escape", keyFile(entry("a", digest, `,"\u0073ubject":"eve"`)), "line 1: duplicate member name at byte 135"},
		{"members of wrong types", keyFile(`{"id":"a","sha256":1,"subject":null,"client_id":[],"scopes":"a b","expires":1}`), "keys[0] \"a\": sha256: is not a string\nkeys[0] \"a\": subject: is not a string\nkeys[0] \"a\": client_id: is not a string\nkeys[0] \"a\": scopes: is not an array of strings\nkeys[0] \"a\": expires: is not a string"},
		{"invalid expiry", keyFile(entry("a", digest, `,"expires":""`), entry("b", digest, `,"expires":"2027-01-01"`)), "keys[0] \"a\": expires: must be a time such as \"2027-01-01T00:00:00Z\" (RFC 3339)\nkeys[1] \"b\": expires: must be a time such as \"2027-01-01T00:00:00Z\" (RFC 3339)"},
		{"duplicate id and digest", keyFile(valid, valid), "keys[1] \"a\": id is already used by keys[0]; give each key a different id\nkeys[1] \"a\": sha256 is already used by keys[0]; a key can have only one entry"},
		{"duplicate digest in another case", keyFile(valid, entry("b", strings.ToUpper(digest), "")), `keys[1] "b": sha256 is already used by keys[0]; a key can have only one entry`},
		{"empty key", keyFile("{}"), "keys[0]: id: must be 1 to 256 letters, digits or . _ : @ / -\nkeys[0]: sha256: must be 64 hexadecimal digits: the digest of the key, as returned by Generate\nkeys[0]: subject, client_id: both are empty; set at least one of them"},
		{"key in place of its digest", keyFile(entry("a", "mcp_secret", "")), `keys[0] "a": sha256: must be 64 hexadecimal digits: the digest of the key, as returned by Generate`},
		{"no resources", keyFile(entry("a", digest, `,"resources":[]`), entry("b", digest, `,"resources":"https://h"`)), "keys[1] \"b\": resources: is not an array of strings"},
		{"resources", keyFile(entry("a", digest, `,"resources":[]`), entry("b", strings.Repeat("cd", 32), `,"resources":["mcp_secret"]`)), "keys[0] \"a\": resources: must have 1 to 1001 entries; without resources the key is for Config.Resource\nkeys[1] \"b\": resources[0]: must be an identifier of a resource: an absolute URL, such as https://host.example.com/path"},
		{"too many keys", keyFile(strings.Repeat("{},", maxKeys) + "{},{}"), `member "keys": more than 10000 keys`},
	} {
		withFixture(t, nil, row.text, func(f *fixture) {
			err := f.keys.Ready(t.Context())
			want := fmt.Sprintf("apikey: file %q: %s", f.file, row.want)
			if err == nil || err.Error() != want {
				t.Errorf("%s:\n got %v\nwant %s", row.name, err, want)
			}
			f.secrets = append(f.secrets, "mcp_secret")
		})
	}
}
