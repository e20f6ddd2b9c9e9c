package resource_test

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource"
)

// validToken is the only token that fuzzResource accepts. It is the example of RFC 6750 §2.1. It is
// opaque, so the result does not depend on a clock or a key.
const validToken = "mF_9.B5f-4.1JqM"

type oneToken struct{}

func (oneToken) Issuer() string { return "https://auth.example.test" }

func (oneToken) Verify(_ context.Context, t *resource.Token) (*resource.Claims, error) {
	if t.Raw() != validToken {
		return nil, errors.New("another token")
	}
	return &resource.Claims{Issuer: "https://auth.example.test", Subject: "alice", Audience: []string{identifier}}, nil
}

func fuzzResource(f *testing.F) *resource.Resource {
	f.Helper()
	res, err := resource.New(resource.Config{
		Identifier: identifier, Opaque: &resource.Issuer{Verifier: oneToken{}}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		f.Fatal(err)
	}
	return res
}

var (
	// RFC 6750 §2.1 and RFC 9110 §11.4: the scheme in any case, 1*SP, a token: visible ASCII
	// without comma, double quote and backslash (RFC 6749 §A.12 allows these too).
	bearerGrammar = regexp.MustCompile(`^[Bb][Ee][Aa][Rr][Ee][Rr] +([!#-+\--\[\]-~]+)$`)
	// A JWT in quotes or brackets: see jose.LooksLikeJWS.
	quotedJWS = regexp.MustCompile(`^[^A-Za-z0-9._~+/-]+e[wxyz0-9_+/-][^.]*\.[^.]*\.[^.]*$`)
	// The scheme Bearer, with or without a token.
	bearerScheme = regexp.MustCompile(`^[Bb][Ee][Aa][Rr][Ee][Rr]($|[ \t])`)
)

// wantReason returns the reason that the grammar requires for Authorization lines; "" if accepted.
func wantReason(lines []string) resource.Reason {
	switch {
	case len(lines) > 1:
		return resource.ReasonMalformedRequest
	case len(lines) == 0 || !bearerScheme.MatchString(lines[0]):
		return resource.ReasonMissingCredentials
	case strings.Trim(lines[0][len("Bearer"):], " ") == "":
		return resource.ReasonMissingCredentials
	case len(strings.TrimLeft(lines[0][len("Bearer"):], " ")) > defaultMaxTokenBytes:
		return resource.ReasonTokenTooLarge
	}
	token := bearerGrammar.FindStringSubmatch(lines[0])
	switch {
	case token == nil, quotedJWS.MatchString(token[1]):
		return resource.ReasonMalformedRequest
	case token[1] == validToken:
		return ""
	}
	return "another reason, about the token"
}

// FuzzAuthorization tests that a request is accepted exactly if it has one Authorization line with
// the valid token, and that the other answers follow the grammar.
func FuzzAuthorization(f *testing.F) {
	for _, seed := range []string{
		"Bearer " + validToken, "bearer  " + validToken, "BEARER " + validToken, "Bearer\t" + validToken, "Bearer " + validToken + " ", "Bearer",
		"Bearer ", "Bearer\t", "Bearer \t", "", "Basic dXNlcjpw", "Bearer=" + validToken, "Bearer " + validToken + ",Bearer x", "Bearer " + validToken + "\nBearer " + validToken,
		"Bearer " + validToken + "\n", "DPoP " + validToken, "Bearer \"" + validToken + "\"", "Bearer a=b", "Bearer ===", "Bearer 00DE0!AQcA", "Bearer 1|abc", "Bearer 'eyJ.e30.x'", "Bearer <eyJ", "Bearer a\\b", "Bearer [a]", "Bearer eyJhbGciOiJub25lIn0.e30.",
		"Bearer " + strings.Repeat("a", defaultMaxTokenBytes+1), "Ｂearer x", "Bearer é", "Bearer " + validToken + "\x00",
	} {
		f.Add(seed, false)
	}
	f.Add("", true)
	res := fuzzResource(f)
	f.Fuzz(func(t *testing.T, lines string, absent bool) {
		var values []string
		if !absent {
			values = strings.Split(lines, "\n")
		}
		req := (&http.Request{Method: http.MethodPost, Header: http.Header{"Other": {"x"}}}).WithContext(t.Context())
		if values != nil {
			req.Header["Authorization"] = values
		}
		checkDecision(t, res, req, wantReason(values))
		if got := strings.Join(req.Header["Authorization"], "\n"); !absent && got != lines || absent && req.Header["Authorization"] != nil {
			t.Fatalf("the header was modified to %q", got)
		}
	})
}

// checkDecision compares the decision about a request with the reason that the grammar requires.
func checkDecision(t *testing.T, res *resource.Resource, req *http.Request, want resource.Reason) {
	t.Helper()
	lines := req.Header["Authorization"]
	decision, refusal := res.Authenticate(req)
	switch {
	case (refusal == nil) != (want == ""):
		t.Fatalf("%q: refusal %v, want %q", lines, refusal, want)
	case refusal == nil:
		if decision.Caller.Subject() != "alice" || len(decision.Request.Header["Authorization"]) > 0 || decision.Request.Header.Get("Other") != req.Header.Get("Other") {
			t.Fatalf("%q: accepted, but the handler gets %v with %v", lines, decision.Caller, decision.Request.Header)
		}
		return
	case decision != (resource.Decision{}):
		t.Fatalf("%q: both a refusal and a decision", lines)
	}
	status := map[resource.Reason]int{resource.ReasonMissingCredentials: 401, resource.ReasonMalformedRequest: 400, resource.ReasonTokenTooLarge: 401}
	known, ok := status[want]
	got, isKnown := status[refusal.Reason]
	if ok && (refusal.Reason != want || refusal.Status != known) || !ok && (isKnown || refusal.Status != 401) {
		t.Fatalf("%q: rejected with %d %s (%d), want %q", lines, refusal.Status, refusal.Reason, got, want)
	}
	// RFC 6750 §3.1: no error code in the answer to a request without credentials.
	challenge := strings.Join(refusal.Challenges, "\n")
	if strings.Contains(challenge, "error=") == (want == resource.ReasonMissingCredentials) || strings.Contains(challenge, "\n") {
		t.Fatalf("%q: challenge %q", lines, challenge)
	}
}

var (
	authorizationLine = regexp.MustCompile(`(?i)^authorization:[ \t]*(.*?)[ \t]*$`)
	obsFold           = regexp.MustCompile(`[ \t]*\r?\n[ \t]+`)
)

// authorizations returns the values of the Authorization lines in a request head. It joins a folded
// line with a space (RFC 9112 §5.2).
func authorizations(head string) (values []string) {
	head, _, _ = strings.Cut(strings.ReplaceAll(head, "\r\n", "\n"), "\n\n")
	for line := range strings.SplitSeq(obsFold.ReplaceAllString(head, " "), "\n") {
		if m := authorizationLine.FindStringSubmatch(line); m != nil {
			values = append(values, m[1])
		}
	}
	return values
}

// FuzzRequestHead tests that a request is accepted only if its head, read line by line, has exactly
// one Authorization line with the valid token.
func FuzzRequestHead(f *testing.F) {
	const start = "POST /mcp HTTP/1.1\r\nHost: mcp.example.test\r\n"
	for _, seed := range []string{
		"Authorization: Bearer " + validToken + "\r\n", "authorization:bearer " + validToken + " \t\r\nX: y\r\n",
		"Authorization: Bearer x\r\nAuthorization: Bearer " + validToken + "\r\n", "Authorization : Bearer " + validToken + "\r\n",
		"Authorization: Bearer\r\n " + validToken + "\r\n", "X: y\r\n Authorization: Bearer " + validToken + "\r\n", "X: y\nAuthorization: Bearer " + validToken + "\n",
		"X: y\rAuthorization: Bearer " + validToken + "\r\n", "Authorization: Bearer " + validToken + "\nAuthorization:\n", "Proxy-Authorization: Bearer " + validToken + "\r\n",
		"Transfer-Encoding: chunked\r\nTrailer: Authorization\r\n\r\n0\r\nAuthorization: Bearer " + validToken + "\r\n", "Authorization: Bearer " + validToken + "\x00\r\n",
	} {
		f.Add(seed)
	}
	res := fuzzResource(f)
	f.Fuzz(func(t *testing.T, head string) {
		req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(start + head + "\r\n")))
		if err != nil {
			return // net/http answers 400
		}
		if _, refusal := res.Authenticate(req.WithContext(t.Context())); refusal != nil {
			return
		}
		found := authorizations(start + head + "\r\n")
		if len(found) != 1 || wantReason(found) != "" {
			t.Fatalf("%q: accepted with these lines: %q", head, found)
		}
	})
}
