package onbehalf_test

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/resource/onbehalf"
)

// A target whose grant the issuer does not permit to this client does not limit the calls for the
// others: the probe is for a target that the issuer has issued a token for.
func TestRefusedTargetDoesNotLimitOthers(t *testing.T) {
	for _, code := range []string{"unsupported_grant_type", "unauthorized_client", "invalid_client"} {
		inBubble(t, func(c *config) {
			c.onbehalf.Targets = []onbehalf.Target{{Name: "bad", Grant: onbehalf.JWTBearer, Resources: []string{"https://bad.example.test"}}, target()}
			c.onbehalf.TokenEndpoint = "https://auth.example.test/token"
			c.onbehalf.Transport = roundTripper(func(req *http.Request) (*http.Response, error) {
				form, status, body := formOf(req), http.StatusBadRequest, `{"error":"`+code+`"}`
				switch {
				case strings.HasPrefix(form, "assertion="):
				case strings.Contains(form, "subject_token=ey"):
					status, body = http.StatusOK, `{"access_token":"issued-token","token_type":"Bearer",`+issuedType+`}`
				default:
					body = `{"error":"invalid_request"}`
				}
				return &http.Response{
					StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: req,
				}, nil
			})
		}, func(f *fixture) {
			for n := range 50 {
				if _, err := f.get(f.caller(f.token("alice" + strconv.Itoa(n)))); err != nil {
					f.Fatalf("%s: call %d: got error %v, want a token", code, n, err)
				}
				_, err := f.exchanger.Token(context.Background(), f.caller(f.token("mallory"+strconv.Itoa(n))), "bad")
				f.wantError(code, err, onbehalf.KindClientRefused, onbehalf.DetailRequest)
				time.Sleep(100 * time.Millisecond)
			}
		})
	}
}

// formOf returns the form of a request.
func formOf(req *http.Request) string {
	text, err := io.ReadAll(req.Body)
	if err != nil {
		panic(err)
	}
	return string(text)
}
