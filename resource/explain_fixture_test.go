package resource_test

import (
	"bytes"
	"io"
	"net/http"
	"slices"
)

// explain returns a function that compares the response to a request with what Explain says about
// it afterwards.
func (f *fixture) explain(req *http.Request) func(result *http.Response, accepted bool) {
	if f.unexplained {
		return func(*http.Response, bool) {}
	}
	clone := req.Clone(req.Context())
	if req.Body != nil {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			f.t.Fatal(err)
		}
		req.Body, clone.Body = io.NopCloser(bytes.NewReader(body)), io.NopCloser(bytes.NewReader(body))
	}
	return func(result *http.Response, accepted bool) {
		f.t.Helper()
		e := f.res.Explain(clone)
		refusal := e.Refusal()
		if e.Accepted != (refusal == nil) {
			f.t.Errorf("Accepted is %v, and the refusal %+v", e.Accepted, refusal)
		}
		if e.Accepted != accepted {
			f.t.Errorf("Explain says accepted: %v (%s), Authenticate %v (%d)", e.Accepted, e.Reason, accepted, result.StatusCode)
		}
		if refusal != nil && !accepted && (refusal.Status != result.StatusCode || !slices.Equal(refusal.Challenges, result.Header.Values("WWW-Authenticate"))) {
			f.t.Errorf("Explain says %d %q, Authenticate %d %q", refusal.Status, refusal.Challenges, result.StatusCode, result.Header.Values("WWW-Authenticate"))
		}
	}
}
