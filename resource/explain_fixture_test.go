package resource_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/resource"
)

// explain returns a function that compares the response to a request with what Explain says about
// the same request afterwards.
func (f *fixture) explain(req *http.Request) func(recorder *httptest.ResponseRecorder, accepted bool) {
	if f.unexplained || testing.Short() { // it takes a third of the time of all tests
		return func(*httptest.ResponseRecorder, bool) {}
	}
	clone := req.Clone(req.Context())
	if req.Body != nil {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			f.t.Fatal(err)
		}
		req.Body, clone.Body = io.NopCloser(bytes.NewReader(body)), io.NopCloser(bytes.NewReader(body))
	}
	return func(recorder *httptest.ResponseRecorder, accepted bool) {
		f.t.Helper()
		e := f.res.Explain(clone)
		checkExplanation(f.t, e, clone)
		usedBefore := func(c resource.ExplainedCheck) bool { return c.Name == "proof used once" }
		if slices.ContainsFunc(e.Checks, usedBefore) && (e.Accepted && !accepted || strings.Contains(recorder.Body.String(), "The DPoP proof is missing or invalid")) {
			return // Explain says that it has not checked whether the proof was used before
		}
		if e.Accepted != accepted {
			f.t.Errorf("Explain says accepted: %v (%s), Authenticate: %v (%d)", e.Accepted, e.Reason, accepted, recorder.Code)
		}
		if refusal := e.Refusal(); refusal != nil && !accepted {
			want := explainedAnswer{recorder.Code, strings.Join(recorder.Header()["Www-Authenticate"], "\n"), recorder.Body.String(), recorder.Header().Get("Retry-After")}
			if got := explainedRefusal(refusal); got != want {
				f.t.Errorf("Explain and Authenticate differ:\n got %+v\nwant %+v", got, want)
			}
		}
	}
}

// explainedAnswer is all of an answer that Explain and Authenticate must agree on.
type explainedAnswer struct {
	status                       int
	challenges, body, retryAfter string
}

func explainedRefusal(r *resource.Refusal) explainedAnswer {
	a := explainedAnswer{r.Status, strings.Join(r.Challenges, "\n"), string(r.Body), ""}
	if r.RetryAfter > 0 {
		a.retryAfter = strconv.Itoa(int(r.RetryAfter / time.Second))
	}
	return a
}

// checkExplanation checks that the parts of an explanation agree, and that it does not contain the
// credentials of the request.
func checkExplanation(t testing.TB, e *resource.Explanation, req *http.Request) {
	t.Helper()
	refusal := e.Refusal()
	rejects := func(c resource.ExplainedCheck) bool { return c.Outcome == resource.CheckFailed && c.Reason == e.Reason }
	switch {
	case e.Accepted != (refusal == nil), e.Accepted != (e.Status == 0), e.Accepted != (e.Reason == ""):
		t.Errorf("accepted: %v, status %d, reason %q, refusal %+v", e.Accepted, e.Status, e.Reason, refusal)
	case refusal != nil && (refusal.Status != e.Status || !slices.Equal(refusal.Challenges, e.Challenges)):
		t.Errorf("status %d, challenges %q, refusal %+v", e.Status, e.Challenges, refusal)
	case !e.Accepted && !slices.ContainsFunc(e.Checks, rejects):
		t.Errorf("no check failed with %q: %+v", e.Reason, e.Checks)
	case e.Accepted && slices.ContainsFunc(e.Checks, func(c resource.ExplainedCheck) bool { return c.Outcome == resource.CheckFailed }):
		t.Errorf("accepted, and a check failed: %+v", e.Checks)
	}
	text, err := json.Marshal(e.Checks)
	if err != nil {
		t.Errorf("%+v: %v", e, err)
	}
	if part := commonPart(string(text), secretsOf(req)); part != "" {
		t.Fatalf("the explanation contains %q of the request: %s", part, text)
	}
}

// commonPart returns 16 characters of a secret that are also in text, or "". Such a part has one
// of the pieces of 8 characters that the secret consists of.
func commonPart(text string, secrets []string) string {
	const length, piece = 16, 8
	for _, secret := range secrets {
		pieces := map[[piece]byte]bool{}
		for n := 0; n+piece <= len(secret); n += piece {
			pieces[[piece]byte([]byte(secret[n:n+piece]))] = true
		}
		for n := 0; n+piece <= len(text); n++ {
			if !pieces[[piece]byte([]byte(text[n:n+piece]))] {
				continue
			}
			for m := max(0, n-piece); m <= n && m+length <= len(text); m++ {
				if strings.Contains(secret, text[m:m+length]) {
					return text[m : m+length]
				}
			}
		}
	}
	return ""
}

// secretsOf returns the credentials of a request.
func secretsOf(req *http.Request) (all []string) {
	for _, name := range []string{"Authorization", "Dpop", "X-Api-Key", "X-Token", "X-Key"} {
		for _, value := range req.Header[name] {
			all = slices.AppendSeq(all, strings.FieldsSeq(value))
		}
	}
	return all
}
