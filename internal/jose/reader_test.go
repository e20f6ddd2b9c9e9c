package jose_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/jose"
)

// The cache of a Reader does not change the result: not for other headers, and not for the payload
// and the signature after a cached header.
func TestReaderEqualsParse(t *testing.T) {
	var r jose.Reader
	signature := strings.Repeat("A", 86)
	for round := range 3 {
		for n := range 40 { // more than the cache has entries
			head := b64str(fmt.Sprintf(`{"alg":"ES256","kid":"key-%d"}`, n))
			for _, rest := range []string{".e30." + signature, ".e30=." + signature, "..", ".e30." + signature[1:], "." + b64str(strings.Repeat("x", n+1)) + "." + signature} {
				got, gotErr := r.Parse(head + rest)
				want, wantErr := jose.Parse(head + rest)
				if fmt.Sprint(gotErr) != fmt.Sprint(wantErr) || (got == nil) != (want == nil) {
					t.Fatalf("round %d, header %d, %q: %v, without a cache %v", round, n, rest, gotErr, wantErr)
				}
				if got != nil && (got.Header != want.Header || string(got.Payload) != string(want.Payload)) {
					t.Fatalf("round %d, header %d: %+v, without a cache %+v", round, n, got.Header, want.Header)
				}
			}
		}
		for _, invalid := range []string{`{"alg":"none"}`, `{"alg":"ES256","crit":["x"]}`, `{`} {
			_, err := r.Parse(b64str(invalid) + ".e30." + signature)
			if !errors.Is(err, jose.ErrMalformed) && !errors.Is(err, jose.ErrAlgorithm) {
				t.Fatalf("round %d, %s: %v", round, invalid, err)
			}
		}
	}
}

// A cached header costs no allocation: only the token, its payload and its signature do. Headers
// that are too long for the cache are parsed each time.
func TestReaderCachesHeaders(t *testing.T) {
	var r jose.Reader
	token := func(kid int) string {
		return b64str(fmt.Sprintf(`{"alg":"ES256","kid":"%s"}`, strings.Repeat("k", kid))) + ".e30." + strings.Repeat("A", 86)
	}
	cost := func(raw string) float64 {
		return testing.AllocsPerRun(100, func() {
			if _, err := r.Parse(raw); err != nil {
				t.Fatal(err)
			}
		})
	}
	if cached := cost(token(200)); cached != 3 {
		t.Errorf("%g allocations for a cached header, want 3", cached)
	}
	long := b64str(`{"alg":"ES256","x5c":["`+strings.Repeat("c", 600)+`"]}`) + ".e30." + strings.Repeat("A", 86)
	if uncached := cost(long); uncached <= 3 {
		t.Errorf("%g allocations for a header of %d bytes, which must not be cached", uncached, len(long))
	}
}

// Only a Reader with KeepZipNone keeps zip, and only the exact value NONE. The cache of another
// Reader does not change that.
func TestKeepZipNone(t *testing.T) {
	keeping, other := jose.Reader{KeepZipNone: true}, jose.Reader{}
	for _, row := range []struct {
		name, zip string
		kept      bool
	}{
		{"NONE", `"NONE"`, true},
		{"NONE with an escape", `"N\u004fNE"`, true},
		{"another case", `"none"`, false},
		{"a space", `"NONE "`, false},
		{"compression (RFC 7516 §4.1.3)", `"DEF"`, false},
		{"empty", `""`, false},
		{"null", `null`, false},
		{"an array", `["NONE"]`, false},
		{"twice", `"NONE","zip":"NONE"`, false},
		{"another case of the name", `"NONE","Zip":"NONE"`, false},
	} {
		raw := b64str(`{"alg":"ES256","zip":`+row.zip+`}`) + ".e30." + strings.Repeat("A", 86)
		for range 2 { // the second time from the cache
			token, err := keeping.Parse(raw)
			if kept := err == nil && token.Header.ZipNone; kept != row.kept || !kept && !errors.Is(err, jose.ErrMalformed) {
				t.Errorf("%s: got %+v, %v", row.name, token, err)
			}
			if _, err := other.Parse(raw); !errors.Is(err, jose.ErrMalformed) {
				t.Errorf("%s, a Reader without KeepZipNone: got %v", row.name, err)
			}
			if _, err := jose.Parse(raw); !errors.Is(err, jose.ErrMalformed) {
				t.Errorf("%s, no Reader: got %v", row.name, err)
			}
		}
	}
	token, err := keeping.Parse(b64str(`{"alg":"ES256"}`) + ".e30." + strings.Repeat("A", 86))
	if err != nil || token.Header.ZipNone {
		t.Errorf("no zip: got %+v, %v", token, err)
	}
}

func b64str(text string) string { return b64([]byte(text)) }
