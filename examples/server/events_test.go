package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource/resourcetest"
	"github.com/warder-go/warder/resource/valkey/valkeytest"
)

// receiving are the lines of a file for a server that receives security events.
var receiving = []string{"  security_events:", "    audience: [stream-1]", "    authorization: Bearer 5f2b8a1c"}

// push sends an event about alice to a server and returns the status.
func push(t *testing.T, issuer *resourcetest.Issuer, url, authorization string) int {
	t.Helper()
	event := issuer.SecurityEvent(resourcetest.SecurityEvent{Audience: "stream-1", Subject: issuer.SubjectID("alice")})
	response, err := http.DefaultClient.Do(resourcetest.PushRequest(t.Context(), strings.TrimSuffix(url, "/mcp")+eventsPath, event, authorization))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

// A pushed event revokes the tokens of its user. The issuer needs no access token, but the value in the file.
func TestSecurityEvents(t *testing.T) {
	issuer := resourcetest.Start(t)
	url := start(t, "-config", configFile(t, issuer, receiving...))
	alice := issuer.Token(resourcetest.Token{Audience: public, Subject: "alice"})
	bob := issuer.Token(resourcetest.Token{Audience: public, Subject: "bob"})
	if got := push(t, issuer, url, ""); got != 401 {
		t.Errorf("without authorization: got %d, want 401", got)
	}
	if status, body := get(t, url, alice); status != 200 {
		t.Fatalf("before the event: got %d %s", status, body)
	}
	if got := push(t, issuer, url, "Bearer 5f2b8a1c"); got != 202 {
		t.Fatalf("the event: got %d, want 202", got)
	}
	revoked, _ := get(t, url, alice)
	other, _ := get(t, url, bob)
	if revoked != 401 || other != 200 {
		t.Errorf("after the event: got %d, and %d for another user; want 401 and 200", revoked, other)
	}
	_, metrics := get(t, strings.TrimSuffix(url, "/mcp")+"/metrics", "")
	for _, want := range []string{
		`warder_security_events_total{issuer="` + issuer.Identifier() + `",resource="` + public + `",result="accepted"} 1`,
		`warder_revocation_entries{resource="` + public + `"} 1`,
	} {
		if !strings.Contains(metrics, "\n"+want+"\n") {
			t.Errorf("/metrics: got\n%s\nwant a line %s", metrics, want)
		}
	}
}

// Without the block, the path is that of any other request: it needs an access token.
func TestNoSecurityEvents(t *testing.T) {
	issuer := resourcetest.Start(t)
	url := start(t, "-config", configFile(t, issuer))
	if got := push(t, issuer, url, "Bearer 5f2b8a1c"); got == 202 {
		t.Errorf("got %d, want a rejection", got)
	}
	if status, body := get(t, url, issuer.Token(resourcetest.Token{Audience: public, Subject: "alice"})); status != 200 {
		t.Errorf("a token of alice: got %d %s", status, body)
	}
}

// An event that one server receives revokes tokens at another one. This needs a Redis or Valkey server.
func TestSharedSecurityEvents(t *testing.T) {
	store := valkeytest.Start(t, valkeytest.Options{})
	issuer := resourcetest.Start(t)
	both := append(receiving, "  shared_state:", "    addresses: ['"+store.Address()+"']", "    keys: ["+commonKey+"]")
	one, two := start(t, "-config", configFile(t, issuer, both...)), start(t, sharing(t, issuer, store.Address())...)
	token := issuer.Token(resourcetest.Token{Audience: public, Subject: "alice"})
	is := func(url string, want int) func() bool {
		return func() bool { status, _ := get(t, url, token); return status == want }
	}
	eventually(t, "both accept the token", func() bool { return is(one, 200)() && is(two, 200)() })
	eventually(t, "the event is stored", func() bool { return push(t, issuer, one, "Bearer 5f2b8a1c") == 202 })
	eventually(t, "both reject the token", func() bool { return is(one, 401)() && is(two, 401)() })
}
