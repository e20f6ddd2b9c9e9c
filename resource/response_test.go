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

// reviewWays returns the ways in which a request is accepted, each with a function that returns
// its decision.
func reviewWays(t *testing.T, f *fixture) map[string]func() resource.Decision {
	t.Helper()
	authenticate := func(authorization []string) func() resource.Decision {
		return func() resource.Decision {
			req := httptest.NewRequest(http.MethodPost, identifier, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
			req.Header = http.Header{"Content-Type": {"application/json"}, "Authorization": authorization}
			d, refusal := f.res.Authenticate(req)
			if refusal != nil {
				t.Fatal(refusal.Err)
			}
			t.Cleanup(d.Done)
			return d
		}
	}
	bearer := []string{"Bearer " + f.token(resourcetest.Token{})}
	return map[string]func() resource.Decision{
		"a new token": authenticate(bearer), "a cached token": authenticate(bearer), "a public operation": authenticate(nil),
	}
}

// Every way in which a request is accepted leads to the same review of the handler's response. The
// configuration that accepted the request decides, also after Replace.
func TestReviewResponse(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Operations.Public, c.HTTP.HandlerChallenges = []string{"tools/list"}, resource.ReplaceHandlerChallenges
	})
	passing := newFixtureWith(t, f.issuer, func(c *resource.Config, _ *jwks.Config) { c.Operations.Public = []string{"tools/list"} })
	ways := reviewWays(t, f)
	var before []resource.Decision
	for name, decide := range ways {
		d := decide()
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
	for name, decide := range ways {
		header := http.Header{"Www-Authenticate": {"Basic"}}
		if d := decide(); d.HoldResponse() || d.ReviewResponse(401, header, nil) != nil || len(header) != 1 {
			t.Errorf("%s, after Replace: the response is not passed on", name)
		}
	}
}
