package resourcetest_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource/resourcetest"
)

// roundTrip is a RoundTripper.
type roundTrip func(*http.Request) *http.Response

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

func reply(status int, header http.Header, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body))}
}

// RFC 9449 §8 and §9: a request is repeated once, with the nonce, only if the error is
// use_dpop_nonce and the response has a nonce.
func TestProofTransportRepeats(t *testing.T) {
	const use = `DPoP error="use_dpop_nonce", error_description="x"`
	nonce := http.Header{"Dpop-Nonce": {"n1"}, "Www-Authenticate": {use}}
	for _, row := range []struct {
		name  string
		first *http.Response
		body  io.Reader
		want  string // the nonces and the bodies of the requests
	}{
		{"401 of a resource", reply(401, nonce, "x"), strings.NewReader("b"), "<nil> b|n1 b"},
		{"401 with two challenges", reply(401, http.Header{"Dpop-Nonce": {"n1"}, "Www-Authenticate": {"Bearer", use}}, ""), strings.NewReader("b"), "<nil> b|n1 b"},
		{"400 of a token endpoint", reply(400, http.Header{"Dpop-Nonce": {"n1"}}, `{"error":"use_dpop_nonce"}`), strings.NewReader("b"), "<nil> b|n1 b"},
		{"no body", reply(401, nonce, ""), http.NoBody, "<nil> |n1 "},
		{"a body that cannot be sent again", reply(401, nonce, ""), io.NopCloser(strings.NewReader("b")), "<nil> b"},
		{"another error of a resource", reply(401, http.Header{"Dpop-Nonce": {"n1"}, "Www-Authenticate": {`DPoP error="invalid_dpop_proof"`}}, ""), strings.NewReader("b"), "<nil> b"},
		{"another error of a token endpoint", reply(400, http.Header{"Dpop-Nonce": {"n1"}}, `{"error":"invalid_grant"}`), strings.NewReader("b"), "<nil> b"},
		{"400 without JSON", reply(400, http.Header{"Dpop-Nonce": {"n1"}}, `use_dpop_nonce`), strings.NewReader("b"), "<nil> b"},
		{"no nonce", reply(401, http.Header{"Www-Authenticate": {use}}, ""), strings.NewReader("b"), "<nil> b"},
		{"success", reply(200, nonce, ""), strings.NewReader("b"), "<nil> b"},
	} {
		var got []string
		key := resourcetest.NewProofKey("")
		base := roundTrip(func(r *http.Request) *http.Response {
			_, claims, _ := readProof(t, r.Header.Get("DPoP"))
			body, _ := io.ReadAll(r.Body)
			got = append(got, fmt.Sprint(claims["nonce"], " ", string(body)))
			if len(got) == 1 {
				return row.first
			}
			return reply(401, nonce, "second") // is not repeated again
		})
		r, err := http.NewRequestWithContext(t.Context(), "POST", "https://a.test/", row.body)
		if err != nil {
			t.Fatal(err)
		}
		response, err := key.Transport(base, func() string { return "t" }).RoundTrip(r)
		if err != nil || strings.Join(got, "|") != row.want || r.Header.Get("DPoP") != "" {
			t.Errorf("%s: got %q and %v, want %q; header %v", row.name, got, err, row.want, r.Header)
		}
		if len(got) == 1 && response != row.first {
			t.Errorf("%s: got another response", row.name)
		}
	}
}

// The body of a response is complete, although Transport has read the error in it.
func TestProofTransportBody(t *testing.T) {
	long := `{"error":"` + strings.Repeat("x", 100_000) + `"}`
	base := roundTrip(func(*http.Request) *http.Response { return reply(400, http.Header{"Dpop-Nonce": {"n"}}, long) })
	response, err := resourcetest.NewProofKey("").Transport(base, nil).RoundTrip(request(t, "POST", "https://a.test/", ""))
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(response.Body); err != nil || string(body) != long {
		t.Errorf("got %d bytes and %v, want %d", len(body), err, len(long))
	}
}

// RFC 9449 §8.2: the newest nonce of each server is used. The token is read for each request, and
// every request has its own proof.
func TestProofTransportNonces(t *testing.T) {
	var proofs, got []string
	tokens := []string{"t1", "t2", "", "t4"}
	next := 0
	base := roundTrip(func(r *http.Request) *http.Response {
		_, claims, _ := readProof(t, r.Header.Get("DPoP"))
		proofs = append(proofs, r.Header.Get("DPoP"))
		got = append(got, fmt.Sprint(r.URL.Host, " ", r.Header.Get("Authorization"), " ", claims["nonce"]))
		header := http.Header{}
		if len(got) != 2 {
			header.Set("DPoP-Nonce", fmt.Sprint("n", len(got)))
		}
		return reply(200, header, "")
	})
	transport := resourcetest.NewProofKey("").Transport(base, func() string { next++; return tokens[next-1] })
	for _, target := range []string{"https://a.test/", "https://a.test/", "https://b.test/", "https://a.test/"} {
		if _, err := transport.RoundTrip(request(t, "GET", target, "")); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"a.test DPoP t1 <nil>", "a.test DPoP t2 n1", "b.test  <nil>", "a.test DPoP t4 n1"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	slices.Sort(proofs)
	if len(slices.Compact(proofs)) != 4 {
		t.Error("a proof was sent twice")
	}
}
