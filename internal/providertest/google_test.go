package providertest_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/warder-go/warder/resource"
)

// tokeninfo is a [resource.Verifier] for Google's access tokens, which are opaque and
// intended for Google's own APIs. Google has no introspection endpoint. Its tokeninfo
// endpoint returns similar data, with numbers as strings.
//
// This example does not limit concurrent calls and does not cache rejected tokens. A
// program in production should do both. Package introspect does both for RFC 7662.
type tokeninfo struct{ transport http.RoundTripper }

// Issuer returns Google's issuer identifier.
func (*tokeninfo) Issuer() string { return "https://accounts.google.com" }

// Verify calls tokeninfo. If the call fails, the response to the client is 503, not 401.
func (v *tokeninfo) Verify(ctx context.Context, t *resource.Token) (*resource.Claims, error) {
	if t.IsJWT() {
		return nil, &resource.Error{Reason: resource.ReasonTokenType}
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	form := url.Values{"access_token": {t.Raw()}} // in the body, because URLs are logged
	response, err := v.post(ctx, "https://oauth2.googleapis.com/tokeninfo", form)
	if err != nil {
		return nil, &resource.Error{Reason: resource.ReasonVerifierUnavailable, Err: errors.New("tokeninfo: no response")}
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusBadRequest:
		return nil, &resource.Error{Reason: resource.ReasonInactive}
	default:
		return nil, &resource.Error{Reason: resource.ReasonVerifierUnavailable, Err: errors.New("tokeninfo: status " + response.Status)}
	}
	var info struct {
		Audience string `json:"aud"`
		Client   string `json:"azp"`
		Subject  string `json:"sub"`
		Scope    string `json:"scope"`
		Expiry   string `json:"exp"`
	}
	invalid := &resource.Error{Reason: resource.ReasonVerifierUnavailable, Err: errors.New("tokeninfo: invalid response")}
	if json.NewDecoder(http.MaxBytesReader(nil, response.Body, 64<<10)).Decode(&info) != nil {
		return nil, invalid
	}
	expiry, err := strconv.ParseInt(info.Expiry, 10, 64)
	if err != nil {
		return nil, invalid
	}
	object, err := json.Marshal(map[string]any{"iss": v.Issuer(), "aud": info.Audience, "azp": info.Client,
		"sub": info.Subject, "scope": info.Scope, "exp": expiry})
	if err != nil {
		return nil, invalid
	}
	return resource.ParseClaims(object)
}

func (v *tokeninfo) post(ctx context.Context, address string, form url.Values) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := http.Client{Transport: v.transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return client.Do(req)
}
