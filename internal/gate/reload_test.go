package gate_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/resource/resourcetest"
)

// A rejected file changes nothing, not even the limit of bodies, and an applied one changes it.
func TestBodyLimitAfterReload(t *testing.T) {
	up := new(recorder)
	text := options{authorization: "    max_body_bytes: 2000\n", noRules: true}.text(serve(t, up) + "/mcp")
	f := newFixture(t, text)
	f.run()
	larger := strings.Replace(text, "2000", "4000", 1)
	status := func() int { return f.do(f.post(call + strings.Repeat(" ", 3000-len(call)))).status }
	f.write("gate.yaml", strings.Replace(larger, "mcp.example.test/mcp", "mcp.example.test/other", 1))
	if err := f.gate.Reload(t.Context()); err == nil || status() != 413 {
		t.Errorf("a rejected file: got %v, %d", err, status())
	}
	f.write("gate.yaml", larger)
	if err := f.gate.Reload(t.Context()); err != nil || status() != 200 {
		t.Errorf("an applied file: got %v, %d", err, status())
	}
	f.write("gate.yaml", text)
	if err := f.gate.Reload(t.Context()); err != nil || status() != 413 {
		t.Errorf("the first file again: got %v, %d", err, status())
	}
}

// A file that cannot be read, or that has a mistake for the second time, is reported.
func TestReloadReports(t *testing.T) {
	text := minimal("", "", "")
	f := newFixture(t, text)
	f.run()
	const message = "the gate's file is not applied"
	count := 0
	check := func(name string) {
		t.Helper()
		if err := f.gate.Reload(t.Context()); err == nil {
			t.Errorf("%s: no error", name)
		}
		if now := strings.Count(f.log.String(), message); now != count+1 {
			t.Errorf("%s: got %d records, want 1", name, now-count)
		}
		count = strings.Count(f.log.String(), message)
	}
	if err := os.Remove(f.file); err != nil {
		t.Fatal(err)
	}
	check("no file")
	for range 2 {
		f.write("gate.yaml", text+"oops: 1\n")
		check("a mistake")
		f.write("gate.yaml", text)
		if err := f.gate.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// payload returns the claims of a JWT, whose signature it does not check.
func payload(t *testing.T, jwt string) (claims map[string]any) {
	t.Helper()
	token, err := jose.Parse(jwt)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(token.Payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// Callers keep their identities while files are read again.
func TestIdentitiesDuringReload(t *testing.T) {
	up := new(recorder)
	text := options{upstream: "  identity_headers: {X-User: subject}\n"}.text(serve(t, up) + "/mcp")
	f := newFixture(t, text)
	f.run()
	other := strings.Replace(text, "tools/list", "prompts/list", 1)
	var group sync.WaitGroup
	group.Go(func() {
		for n := range 20 {
			f.write("gate.yaml", []string{text, other}[n%2])
			f.write("identity.pem", newKey(t))
			_ = f.gate.Reload(t.Context())
		}
	})
	for _, subject := range []string{"alice", "bob", "carol"} {
		token := f.issuer.Token(resourcetest.Token{Audience: identifier, Scope: "mcp:run", Subject: subject})
		group.Go(func() {
			for range 20 {
				req := f.post(call)
				req.Header.Set("Authorization", "Bearer "+token)
				req.Header.Set("User-Agent", subject)
				if got := f.do(req); got.status != 200 {
					t.Errorf("%s: got %+v", subject, got)
				}
			}
		})
	}
	group.Wait()
	all := up.take()
	if len(all) != 60 {
		t.Errorf("the upstream got %d requests", len(all))
	}
	for _, got := range all {
		if claims := payload(t, got.header.Get("Warder-Identity")); got.header.Get("X-User") != got.header.Get("User-Agent") || claims["token_sub"] != got.header.Get("User-Agent") {
			t.Errorf("the upstream got %v with %v", got.header, claims)
		}
	}
}

// Files are read until the last stream has ended, so that what is revoked there ends streams too.
func TestReloadDuringEnd(t *testing.T) {
	t.Parallel() // it waits
	f := newFixture(t, options{top: "shutdown: {delay_seconds: 0, grace_seconds: 60}\n"}.text(serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-req.Context().Done()
	}))))
	f.interval = time.Second
	f.run()
	res, err := new(http.Transport).RoundTrip(f.get(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	f.stop()
	for f.fetch("/readyz").status != 503 { // the gate learns of the end in another goroutine
		if t.Context().Err() != nil {
			t.Fatal("the test was stopped")
		}
	}
	f.write("identity.pem", newKey(t))
	for end := time.Now().Add(patience); strings.Count(f.fetch("/.well-known/jwks.json").body, `"kid"`) != 2; {
		if time.Now().After(end) {
			t.Fatal("the new key is not published")
		}
		timer := time.NewTimer(50 * time.Millisecond)
		<-timer.C
	}
}

// An identity JWT is never that of another caller, or of another token with other scopes, also after
// a reload.
func TestIdentitiesAfterReload(t *testing.T) {
	up := new(recorder)
	text := options{}.text(serve(t, up) + "/mcp")
	f := newFixture(t, text)
	f.run()
	tokens := map[string]string{}
	for name, token := range map[string]resourcetest.Token{"alice": {Subject: "alice"}, "bob": {Subject: "bob"}, "client": {Subject: "alice", ClientID: "other"}, "scopes": {Subject: "alice", Scope: "mcp:run more"}} {
		token.Audience = identifier
		if token.Scope == "" {
			token.Scope = "mcp:run"
		}
		tokens[name] = f.issuer.Token(token)
	}
	sent := func(name string) string {
		req := f.post(call)
		req.Header.Set("Authorization", "Bearer "+tokens[name])
		if got := f.do(req); got.status != 200 {
			t.Fatalf("%s: got %+v", name, got)
		}
		return up.one(t).header.Get("Warder-Identity")
	}
	seen, jwtOf := map[string]string{}, map[string]string{}
	for name := range tokens {
		jwt := sent(name)
		jwtOf[name] = jwt
		if other, ok := seen[jwt]; ok {
			t.Errorf("%s got the JWT of %s", name, other)
		}
		seen[jwt] = name
	}
	f.write("gate.yaml", strings.Replace(text, "tools/list", "prompts/list", 1))
	if err := f.gate.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name := range tokens {
		for range 2 {
			jwt := sent(name)
			if other, ok := seen[jwt]; ok && other != name {
				t.Errorf("%s got the JWT of %s", name, other)
			}
			if want := f.verify(jwtOf[name])["sub"]; f.verify(jwt)["sub"] != want {
				t.Errorf("%s got the JWT of %v, want %v", name, f.verify(jwt)["sub"], want)
			}
			seen[jwt] = name
		}
	}
}
