package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/audit"
	"github.com/warder-go/warder/resource/resourcetest"
)

// recording returns a function that decides about a request and returns its caller, which is nil if
// it was rejected, and its record.
func recording(t *testing.T, change func(*resource.Config)) (*resourcetest.Issuer, func(*http.Request) (*resource.Caller, map[string]any)) {
	t.Helper()
	issuer := newIssuer(t)
	keys, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	log, err := audit.New(audit.Config{Handler: slog.NewJSONHandler(&out, nil)})
	if err != nil {
		t.Fatal(err)
	}
	c := resource.Config{Identifier: identifier, Logger: slog.New(slog.DiscardHandler),
		Issuers: []resource.Issuer{{Verifier: keys}}, Hooks: resource.Hooks{Observers: []resource.Observer{log}}}
	change(&c)
	res, err := resource.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return issuer, func(req *http.Request) (*resource.Caller, map[string]any) {
		t.Helper()
		out.Reset()
		decision, _ := res.Authenticate(req)
		decision.Done()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := log.Run(ctx); err != nil {
			t.Fatal(err)
		}
		var record map[string]any
		if err := json.Unmarshal(out.Bytes(), &record); err != nil {
			t.Fatalf("%v in %q", err, &out)
		}
		return decision.Caller, record
	}
}

// The record of an accepted request has the kind of its principal. Two tokens that identify no
// one have different records, and two requests with one token have the same.
func TestPrincipals(t *testing.T) {
	issuer, record := recording(t, func(c *resource.Config) {
		c.Issuers[0].ClientTokens = &resource.ClientTokens{Claim: "gty", Value: "cc"}
	})
	token := func(claims map[string]any) string {
		return issuer.Token(resourcetest.Token{Audience: identifier, Claims: claims})
	}
	anonymous := func(n int) string {
		return token(map[string]any{"sub": resourcetest.Remove, "jti": resourcetest.Remove, "n": n})
	}
	first, digests := anonymous(1), []string{}
	for _, row := range []struct {
		name, token string
		want        string // principal, subject, client; whether there is a digest
	}{
		{"a user", token(nil), "sub alice test-client false"},
		{"a client", token(map[string]any{"gty": "cc", "sub": resourcetest.Remove}), "client <nil> test-client false"},
		{"a client whose token has a subject", token(map[string]any{"gty": "cc", "sub": "service"}), "client service test-client false"},
		{"a token that identifies no one", first, "token <nil> test-client true"},
		{"the same token again", first, "token <nil> test-client true"},
		{"another token of the same client", anonymous(2), "token <nil> test-client true"},
	} {
		caller, record := record(bodyless(row.token))
		found, _ := record["token_digest"].(string)
		if got := fmt.Sprint(record["principal"], " ", record["subject"], " ", record["client"], " ", found != ""); got != row.want {
			t.Errorf("%s: got %s, want %s", row.name, got, row.want)
		}
		if found != "" {
			digests = append(digests, found)
			if strings.Contains(caller.ID(), found) {
				t.Errorf("%s: the digest in the record is that in the ID, without the key", row.name)
			}
		}
	}
	if len(digests) != 3 || digests[0] != digests[1] || digests[0] == digests[2] {
		t.Errorf("got digests %q, want the same for the same token only", digests)
	}
}
