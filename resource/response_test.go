package resource_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// Every way in which a request is accepted leads to the same review of the handler's response. The
// configuration that accepted the request decides, also after Replace.
func TestReviewResponse(t *testing.T) {
	replacing := func(c *resource.Config, _ *jwks.Config) {
		c.Operations.Public, c.HTTP.HandlerChallenges = []string{"tools/list"}, resource.ReplaceHandlerChallenges
	}
	f := newFixture(t, replacing)
	passing := newFixtureWith(t, f.issuer, func(c *resource.Config, _ *jwks.Config) { c.Operations.Public = []string{"tools/list"} })
	token := f.token(resourcetest.Token{})
	authenticate := func(authorization string) resource.Decision {
		req := httptest.NewRequest(http.MethodPost, identifier, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
		req.Header = http.Header{"Content-Type": {"application/json"}}
		if authorization != "" {
			req.Header.Set("Authorization", authorization)
		}
		d, refusal := f.res.Authenticate(req)
		if refusal != nil {
			t.Fatal(refusal.Err)
		}
		t.Cleanup(d.Done)
		return d
	}
	ways := map[string]string{"a new token": "Bearer " + token, "a cached token": "Bearer " + token, "a public operation": ""}
	var before []resource.Decision
	for name, authorization := range ways {
		d := authenticate(authorization)
		before = append(before, d)
		header := http.Header{"Www-Authenticate": {"Basic"}, "X-A": {"b"}}
		refusal := d.ReviewResponse(401, header, nil)
		if !d.HoldResponse() || refusal == nil || refusal.Status != 502 || refusal.Reason != resource.ReasonHandlerChallenge || refusal.Challenges != nil {
			t.Errorf("%s: got %+v, want 502", name, refusal)
		}
		if got := fmt.Sprint(header); got != "map[X-A:[b]]" {
			t.Errorf("%s: header: got %s", name, got)
		}
	}
	if err := f.res.Replace(passing.res); err != nil {
		t.Fatal(err)
	}
	for _, d := range before {
		if refusal := d.ReviewResponse(401, http.Header{}, nil); refusal == nil {
			t.Error("a request from before Replace: got no refusal")
		}
	}
	for name, authorization := range ways {
		header := http.Header{"Www-Authenticate": {"Basic"}}
		if d := authenticate(authorization); d.HoldResponse() || d.ReviewResponse(401, header, nil) != nil || len(header) != 1 {
			t.Errorf("%s, after Replace: the response is not passed on", name)
		}
	}
}
