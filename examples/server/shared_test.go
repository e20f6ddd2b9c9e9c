package main

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
	"github.com/warder-go/warder/resource/revocation"
	"github.com/warder-go/warder/resource/valkey"
	"github.com/warder-go/warder/resource/valkey/valkeytest"
)

const commonKey = "a-common-key-of-at-least-32-bytes"

// sharing returns the flags for a server that shares revocations at an address.
func sharing(t *testing.T, issuer *resourcetest.Issuer, address string) []string {
	return []string{"-config", configFile(t, issuer, "  shared_state:", "    addresses: ['"+address+"']", "    keys: ["+commonKey+"]")}
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	limit := time.After(20 * time.Second)
	for !condition() {
		select {
		case <-ticker.C:
		case <-limit:
			t.Fatalf("this did not happen: %s", what)
		}
	}
}

// Two servers with a file share revocations, also those that another program adds. This needs a
// Redis or Valkey server.
func TestSharedState(t *testing.T) {
	store := valkeytest.Start(t, valkeytest.Options{})
	issuer := resourcetest.Start(t)
	one, two := start(t, sharing(t, issuer, store.Address())...), start(t, sharing(t, issuer, store.Address())...)
	token := issuer.Token(resourcetest.Token{Audience: public, Scope: "mcp:tools"})
	is := func(url string, want int) func() bool {
		return func() bool { status, _ := get(t, url, token); return status == want }
	}
	eventually(t, "both accept the token", func() bool { return is(one, 200)() && is(two, 200)() })
	if _, metrics := get(t, strings.TrimSuffix(one, "/mcp")+"/metrics", ""); !strings.Contains(metrics, `warder_store_circuit_open{resource="`+public+`"} 0`) || !strings.Contains(metrics, `warder_revocation_entries{resource="`+public+`"} 0`) {
		t.Errorf("the series of the store and of the list are missing in %s", metrics)
	}
	shared, err := valkey.Open(valkey.Config{Addresses: []string{store.Address()}, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer shared.Close()
	list, err := revocation.New(revocation.Config{Store: shared.Revocations(), Keys: [][]byte{[]byte(commonKey)}})
	if err != nil {
		t.Fatal(err)
	}
	if err := list.Add(t.Context(), revocation.Entry{Issuer: issuer.Identifier(), Subject: "alice", Until: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both reject the token", func() bool { return is(one, 401)() && is(two, 401)() })
}

// If the store does not answer, the server starts, is not ready and rejects tokens with 503.
func TestStoreDoesNotAnswer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	issuer := resourcetest.Start(t)
	url := start(t, sharing(t, issuer, listener.Addr().String())...)
	if status, _ := get(t, strings.TrimSuffix(url, "/mcp")+"/readyz", ""); status != 503 {
		t.Errorf("/readyz: got %d, want 503", status)
	}
	if status, body := get(t, url, issuer.Token(resourcetest.Token{Audience: public})); status != 503 {
		t.Errorf("a token: got %d %s, want 503", status, body)
	}
}
