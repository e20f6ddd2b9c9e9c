package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/audit"
	"github.com/warder-go/warder/resource/resourcetest"
)

// The record names the key that the caller's token is bound to (RFC 9449 §6.1), also if its proof
// was rejected.
func TestConfirmation(t *testing.T) {
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
	res, err := resource.New(resource.Config{Identifier: identifier, Logger: slog.New(slog.DiscardHandler),
		Issuers: []resource.Issuer{{Verifier: keys}}, Credentials: resource.Credentials{DPoP: resource.DPoP{Tokens: resource.BindingAccepted}},
		Hooks: resource.Hooks{Observers: []resource.Observer{log}}})
	if err != nil {
		t.Fatal(err)
	}
	key := resourcetest.NewProofKey("")
	bound := issuer.Token(resourcetest.Token{Audience: identifier, ProofKey: key})
	for _, row := range []struct {
		name, token     string
		change          func(*http.Request)
		reason          string
		method, jwkText any
	}{
		{"bound", bound, func(*http.Request) {}, "", "jkt", key.Thumbprint()},
		{"bound, without a proof", bound, func(r *http.Request) { r.Header.Del("DPoP") }, "dpop_missing", "jkt", key.Thumbprint()},
		{"not bound", issuer.Token(resourcetest.Token{Audience: identifier}), func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer"+r.Header.Get("Authorization")[len("DPoP"):])
		}, "", nil, nil},
	} {
		req, err := http.NewRequest(http.MethodPost, identifier, nil)
		if err != nil {
			t.Fatal(err)
		}
		key.SetProof(req, row.token)
		row.change(req)
		out.Reset()
		decision, _ := res.Authenticate(req)
		decision.Done()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		log.Run(ctx)
		var record map[string]any
		if err := json.Unmarshal(out.Bytes(), &record); err != nil {
			t.Fatalf("%s: %v in %s", row.name, err, &out)
		}
		reason, _ := record["reason"].(string)
		if record["confirmation"] != row.method || record["confirmation_thumbprint"] != row.jwkText || reason != row.reason {
			t.Errorf("%s: got %v", row.name, record)
		}
	}
}
