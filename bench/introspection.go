package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
)

// introspectionResult is the cost of requests with opaque tokens: the calls to the
// introspection endpoint and the throughput.
type introspectionResult struct {
	name      string
	calls     int64
	perSecond float64
}

// introspection measures requests of 16 concurrent clients with 100 tokens. The endpoint
// takes 5 ms per call. The first result is of a naive contender, which calls the endpoint
// for every request as common examples do; the second is of warder.
func introspection(requests int) []introspectionResult {
	var calls atomic.Int64
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		calls.Add(1)
		time.Sleep(5 * time.Millisecond) // simulates the work of an authorization server
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(encode(claims{"active": true, "token_type": "Bearer", "iss": issuer, "sub": "alice", "aud": audience,
			"scope": "mcp:read", "exp": time.Now().Add(time.Hour).Unix()}))
	}))
	defer endpoint.Close()
	verifier := must(introspect.New(introspect.Config{Issuer: issuer, Endpoint: endpoint.URL, AllowHTTP: true, Auth: introspect.ClientAuth{ClientID: "bench", ClientSecret: "secret"}}))
	res := must(resource.New(resource.Config{Identifier: audience, Opaque: &resource.Issuer{Verifier: verifier}, Scopes: []string{scope}}))
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	naive := bearer(protectedHandler, func(ctx context.Context, token string) (any, error) {
		return introspectUncached(ctx, client, endpoint.URL, token)
	})

	var out []introspectionResult
	for _, c := range []struct {
		name    string
		handler http.Handler
	}{{"naive", naive}, {"warder", nethttp.Middleware(res)(protectedHandler)}} {
		before := calls.Load()
		took := runClients(c.handler, requests)
		out = append(out, introspectionResult{c.name, calls.Load() - before, float64(requests) / took.Seconds()})
	}
	return out
}

// runClients sends the requests from 16 goroutines and returns the elapsed time.
func runClients(h http.Handler, requests int) time.Duration {
	var next atomic.Int64
	start := time.Now()
	parallel(16, func(int) {
		for n := next.Add(1); n <= int64(requests); n = next.Add(1) {
			mustAccept(h, request(fmt.Sprintf("opaque-token-number-%d", n%100)))
		}
	})
	return time.Since(start)
}

// introspectUncached calls the endpoint (RFC 7662) and returns an error unless the token
// is active and grants scope.
func introspectUncached(ctx context.Context, client *http.Client, endpoint, token string) (any, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(url.Values{"token": {token}}.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth("bench", "secret")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	var response struct {
		Active bool   `json:"active"`
		Scope  string `json:"scope"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&response); err != nil {
		return nil, err
	}
	if !response.Active {
		return nil, errors.New("inactive")
	}
	return response, requireScope(response.Scope)
}
