package probe

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/outbound"
)

// A run sends at most 120 requests.
func TestRequestLimit(t *testing.T) {
	received := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { received++ }))
	t.Cleanup(server.Close)
	s := &sender{client: outbound.New(outbound.Config{Hosts: []string{"127.0.0.1"}, Observe: true, Methods: observedMethods})}
	for range maxRequests {
		if r := s.send(t.Context(), http.MethodGet, server.URL, nil, ""); r.err != nil {
			t.Fatal(r.err)
		}
	}
	if r := s.send(t.Context(), http.MethodGet, server.URL, nil, ""); !errors.Is(r.err, errBudget) || s.sent != 120 {
		t.Errorf("got %v after %d requests", r.err, s.sent)
	}
	if server.Close(); received != 120 {
		t.Errorf("the server received %d requests", received)
	}
}

// Parts of tokens are not printed; other text is unchanged.
func TestRedact(t *testing.T) {
	s := &sender{}
	s.bearer("abcdefghijklmnopqrstuvwxyz")
	for _, row := range []struct{ name, text, want string }{
		{"other text", "status 401", "status 401"},
		{"the token", "bad abcdefghijklmnopqrstuvwxyz!", "bad [token]!"},
		{"the end of the token", "bad opqrstuvwxyz.", "bad [token]."},
		{"a part that is too short", "abcdefghijk", "abcdefghijk"},
		{"twice", "abcdefghijkl abcdefghijkl", "[token] [token]"},
		{"very long text", strings.Repeat("-", maxShownBytes) + "abcdefghijkl", strings.Repeat("-", maxShownBytes)},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := redact(row.text, s.parts(shownPart)); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

// Of a key set, 20 keys are read, and keys that cannot be read are left out.
func TestKeyLimit(t *testing.T) {
	key := `{"kty":"OKP","crv":"Ed25519","kid":"%d","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},`
	keys := `{"kty":"oct","k":"AA"},{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},{"kty":"RSA","n":"AQAB","e":"AQAB"},null,`
	for n := range 30 {
		keys += fmt.Sprintf(key, n)
	}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"keys":[%s]}`, strings.TrimSuffix(keys, ","))
	}))
	t.Cleanup(web.Close)
	metadata, err := readObject(fmt.Appendf(nil, `{"jwks_uri":%q}`, web.URL))
	if err != nil {
		t.Fatal(err)
	}
	e := &evidence{
		sender:  &sender{client: outbound.New(outbound.Config{Hosts: []string{"127.0.0.1"}, Observe: true, Methods: observedMethods})},
		servers: []server{{}, {doc: document{members: metadata}}},
	}
	var got []string
	for _, key := range e.publishedKeys(t.Context()) {
		got = append(got, key.id)
	}
	if len(got) != 20 || got[0] != "0" || !slices.Contains(got, "19") {
		t.Errorf("got %q", got)
	}
}

// Of the sessions, 16 are ended.
func TestSessionLimit(t *testing.T) {
	ended := 0
	web := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete && r.Header.Get("Authorization") == "Bearer x" {
			ended++
		}
	}))
	e := &evidence{cfg: Config{URL: web.URL}, sender: &sender{client: outbound.New(outbound.Config{Hosts: []string{"127.0.0.1"}, Observe: true, Methods: observedMethods})}}
	for n := range 20 {
		e.sender.all = append(e.sender.all, reply{status: 200, header: http.Header{"Mcp-Session-Id": {fmt.Sprint("s", n)}}, request: http.Header{"Authorization": {"Bearer x"}}})
	}
	e.endSessions(t.Context())
	if web.Close(); ended != 16 {
		t.Errorf("%d sessions were ended", ended)
	}
}
