package main

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource/resourcetest"
)

// The output is compared with testdata/transcript-onbehalf.txt. With -opaque it differs in one line.
// With -dpop the client's bound token is exchanged.
func TestOnBehalfDemo(t *testing.T) {
	transcript, err := os.ReadFile(filepath.Join("testdata", "transcript-onbehalf.txt"))
	if err != nil {
		t.Fatal(err)
	}
	const byKeys, byIntrospection = "warder fetched the issuer's keys, verified the token and", "warder introspected the token at the issuer and"
	if strings.Count(string(transcript), byKeys) != 1 {
		t.Fatalf("the transcript does not contain %q exactly once", byKeys)
	}
	whole := string(transcript)
	ending := whole[strings.Index(whole, "18. "):]
	bound := strings.NewReplacer("18. ", "20. ", "19. ", "21. ", "\n    >     Authorization: Bearer SHORT\n    >     MCP", "\n    >     Authorization: DPoP SHORT\n    >     DPoP: SHORT\n    >     MCP").Replace(ending)
	for _, row := range []struct {
		flags, want string
		ending      bool // want is only the end of the output
	}{
		{"-once -onbehalf", whole, false},
		{"-once -onbehalf -opaque", strings.Replace(whole, byKeys, byIntrospection, 1), false},
		{"-once -onbehalf -dpop", bound, true},
	} {
		t.Run(row.flags, func(t *testing.T) {
			var out, errs bytes.Buffer
			var s *servers
			if status := run(t.Context(), strings.Fields(row.flags), &out, &errs, func(given *servers) { s = given }); status != 0 || errs.Len() > 0 {
				t.Fatalf("got status %d and %q, want 0 and no error output\n%s", status, &errs, &out)
			}
			got := strings.ReplaceAll(withPlaceholders(out.String(), s), strings.TrimSuffix(s.calendar.url, "/api"), "http://CALENDAR")
			if got != row.want && !(row.ending && strings.HasSuffix(got, row.want)) {
				t.Errorf("transcript: got\n%s\nwant\n%s", got, row.want)
			}
		})
	}
}

func TestOnBehalfDemoFailures(t *testing.T) {
	exchange := func(e resourcetest.Exchange) func(*servers) {
		return func(s *servers) { s.issuer.SetExchange(e) }
	}
	for _, row := range []struct {
		name    string
		prepare func(*servers)
		want    string // prefix of the error
	}{
		{"the user must consent", exchange(resourcetest.Exchange{Error: "interaction_required"}), `step 18: `},
		{"the token is for another server", exchange(resourcetest.Exchange{Token: func(t *resourcetest.Token) { t.Audience = "https://other.example" }}), `step 18: `},
		{"no scope is granted", exchange(resourcetest.Exchange{Members: map[string]any{"scope": ""}, Token: func(t *resourcetest.Token) { t.Scope = "" }}), `step 18: `},
	} {
		t.Run(row.name, func(t *testing.T) {
			checkDemoFailure(t, []string{"-once", "-onbehalf"}, row.prepare, row.want)
		})
	}
}

// Without a successful request there is no token.
func TestSendWithoutRequest(t *testing.T) {
	c := &client{traffic: recorder{exchanges: []*exchange{{method: "GET", url: &url.URL{}, status: http.StatusUnauthorized}}}}
	if err := c.sendTo("http://127.0.0.1:1")(t.Context()); err == nil || err.Error() != "no request with a token" {
		t.Errorf("got %v", err)
	}
}
