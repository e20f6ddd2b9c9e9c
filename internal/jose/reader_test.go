package jose_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/jose"
)

// What a Reader remembers changes no reading: not of other headers, nor of the payload
// and the signature behind a header that it knows.
func TestReaderReadsAsWithoutMemory(t *testing.T) {
	var r jose.Reader
	signature := strings.Repeat("A", 86)
	for round := range 3 {
		for n := range 40 { // more than are remembered
			head := b64str(fmt.Sprintf(`{"alg":"ES256","kid":"key-%d"}`, n))
			for _, rest := range []string{".e30." + signature, ".e30=." + signature, "..", ".e30." + signature[1:], "." + b64str(strings.Repeat("x", n+1)) + "." + signature} {
				got, gotErr := r.Parse(head + rest)
				want, wantErr := jose.Parse(head + rest)
				if fmt.Sprint(gotErr) != fmt.Sprint(wantErr) || (got == nil) != (want == nil) {
					t.Fatalf("round %d, header %d, %q: %v, without memory %v", round, n, rest, gotErr, wantErr)
				}
				if got != nil && (got.Header != want.Header || string(got.Payload) != string(want.Payload)) {
					t.Fatalf("round %d, header %d: %+v, without memory %+v", round, n, got.Header, want.Header)
				}
			}
		}
		for _, bad := range []string{`{"alg":"none"}`, `{"alg":"ES256","crit":["x"]}`, `{`} {
			_, err := r.Parse(b64str(bad) + ".e30." + signature)
			if !errors.Is(err, jose.ErrMalformed) && !errors.Is(err, jose.ErrAlgorithm) {
				t.Fatalf("round %d, %s: %v", round, bad, err)
			}
		}
	}
}

// A header that was read before costs no allocation: the token, its payload and its
// signature are left. Headers that are too long to be remembered are read each time.
func TestReaderRemembersHeaders(t *testing.T) {
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
	if known := cost(token(200)); known != 3 {
		t.Errorf("%g allocations for a known header, want 3", known)
	}
	long := b64str(`{"alg":"ES256","x5c":["`+strings.Repeat("c", 600)+`"]}`) + ".e30." + strings.Repeat("A", 86)
	if unknown := cost(long); unknown <= 3 {
		t.Errorf("%g allocations for a header of %d bytes, which must not be remembered", unknown, len(long))
	}
}

func b64str(text string) string { return b64([]byte(text)) }
