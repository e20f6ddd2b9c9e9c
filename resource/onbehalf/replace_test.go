package onbehalf_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource/onbehalf"
	"github.com/warder-go/warder/resource/resourcetest"
)

// The transports of an exchanger use the settings that replaced its own, and none of the tokens that
// it had cached. An exchanger of another issuer replaces nothing.
func TestReplace(t *testing.T) {
	inBubble(t, nil, func(f *fixture) {
		var sent []string
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			sent = append(sent, req.Header.Get("Authorization"))
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req}, nil
		})
		client := &http.Client{Transport: f.exchanger.Transport("calendar", base)}
		ctx := f.accept(f.token("alice")).Context()
		call := func() {
			response, err := client.Do(newRequest(ctx, calendar+"/events"))
			if err != nil {
				f.Fatal(err)
			}
			response.Body.Close()
		}
		other := func(issuer string, scopes ...string) *onbehalf.Exchanger {
			t := target()
			t.Scopes = scopes
			e, err := onbehalf.New(onbehalf.Config{
				Issuer: issuer, Targets: []onbehalf.Target{t}, Transport: f.issuer.Transport(),
				Auth: introspect.ClientAuth{ClientID: resourcetest.DefaultClientID, ClientSecret: resourcetest.DefaultClientSecret},
			})
			if err != nil {
				f.Fatal(err)
			}
			return e
		}
		call()
		const want = `onbehalf: Issuer: "https://other.example" differs from "https://auth.example.test"; make another Exchanger`
		if err := f.exchanger.Replace(other("https://other.example", "calendar.read")); err == nil || err.Error() != want {
			f.Errorf("another issuer: got %v, want %s", err, want)
		}
		call()
		if n := f.exchanges(); n != 1 || sent[0] != sent[1] {
			f.Errorf("after a rejected replacement: got %d exchanges, want 1 and the same token", n)
		}
		if err := f.exchanger.Replace(other(f.issuer.Identifier(), "calendar.write")); err != nil {
			f.Fatal(err)
		}
		call()
		if n := f.exchanges(); n != 2 || sent[1] == sent[2] {
			f.Errorf("after a replacement: got %d exchanges, want 2 and another token", n)
		}
		if got := f.metrics(); !strings.Contains(got, `warder_onbehalf_tokens_total{issuer="https://auth.example.test",outcome="issued",target="calendar"} 1`) {
			f.Errorf("got %s", got)
		}
	})
}
