package refusaltest

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
)

// observer records the decisions.
type observer struct{ trial *trial }

func (o observer) Observe(_ context.Context, e resource.Event) {
	o.trial.events = append(o.trial.events, e)
}

// countingVerifier counts how often the issuer's verifier is called.
type countingVerifier struct {
	*jwks.Verifier
	trial *trial
}

func (v countingVerifier) Verify(ctx context.Context, token *resource.Token) (*resource.Claims, error) {
	v.trial.asked++
	return v.Verifier.Verify(ctx, token)
}

// stubVerifier verifies opaque tokens and header credentials. Its verdict is part of the
// credential.
type stubVerifier struct{ trial *trial }

func (stubVerifier) Issuer() string { return "https://opaque.example.test" }

func (v stubVerifier) Verify(_ context.Context, token *resource.Token) (*resource.Claims, error) {
	return v.verify(token.Raw())
}

func (v stubVerifier) VerifyHeader(_ context.Context, value string, _ *http.Request) (*resource.Claims, error) {
	return v.verify(value)
}

func (v stubVerifier) verify(credential string) (*resource.Claims, error) {
	claims, err := resource.ParseClaims([]byte(`{"sub":"alice","org":"acme","plan":"` + v.trial.plan + `","acr":"` + v.trial.acr + `"}`))
	if err != nil {
		return nil, err
	}
	claims.Issuer, claims.Audience, claims.Expiry = v.Issuer(), []string{identifier}, time.Now().Add(time.Hour)
	claims.Scopes = strings.Fields(v.trial.scopes)
	switch verdict, _ := strings.CutPrefix(credential, "secret-"); verdict {
	case "valid":
		return claims, nil
	case "expired":
		claims.Expiry = time.Now().Add(-time.Hour)
		return claims, nil
	case "down":
		return nil, &resource.Error{Reason: resource.ReasonVerifierUnavailable, RetryAfter: time.Second}
	case "inactive":
		return nil, &resource.Error{Reason: resource.ReasonInactive}
	}
	return nil, &resource.Error{Reason: resource.ReasonAPIKeyUnknown}
}

// response is an [http.ResponseWriter] that keeps the status and the header.
type response struct {
	header http.Header
	status int
}

func (r *response) Header() http.Header { return r.header }

func (r *response) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *response) Write(data []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return len(data), nil
}

// send calls the handler with a request, as net/http would.
func (c *trial) send(method, path, body string, header http.Header) *response {
	target := &url.URL{Scheme: "https", Host: "mcp.example.test", Path: path}
	req := (&http.Request{Method: method, URL: target, Host: target.Host, RequestURI: target.Path, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), TLS: c.certificate}).WithContext(context.Background())
	answer := &response{header: http.Header{}}
	c.handler.ServeHTTP(answer, req)
	answer.WriteHeader(http.StatusOK)
	return answer
}
