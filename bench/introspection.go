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
	"sync"
	"sync/atomic"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
)

// introspected is what it took to serve requests with opaque tokens.
type introspected struct {
	name      string
	calls     int64
	perSecond float64
}

// introspection: requests on a hundred tokens by sixteen callers, at an endpoint that
// takes 5 ms. The naive contender asks for every request, as the usual examples do.
func introspection(requests int) []introspected {
	var calls atomic.Int64
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		calls.Add(1)
		time.Sleep(5 * time.Millisecond) // the work of an authorization server
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(encode(claims{"active": true, "token_type": "Bearer", "iss": issuer, "sub": "alice", "aud": audience,
			"scope": "mcp:read", "exp": time.Now().Add(time.Hour).Unix()}))
	}))
	defer endpoint.Close()
	verifier := must(introspect.New(introspect.Config{Issuer: issuer, Endpoint: endpoint.URL, AllowHTTP: true, Auth: introspect.ClientAuth{ClientID: "bench", ClientSecret: "secret"}}))
	res := must(resource.New(resource.Config{Identifier: audience, Opaque: &resource.Issuer{Verifier: verifier}, Scopes: []string{scope}}))
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	naive := bearer(inner, func(ctx context.Context, token string) (any, error) {
		return askEveryTime(ctx, client, endpoint.URL, token)
	})

	var out []introspected
	for _, c := range []struct {
		name    string
		handler http.Handler
	}{{"naive", naive}, {"warder", nethttp.Middleware(res)(inner)}} {
		before := calls.Load()
		took := sixteenCallers(c.handler, requests)
		out = append(out, introspected{c.name, calls.Load() - before, float64(requests) / took.Seconds()})
	}
	return out
}

func sixteenCallers(h http.Handler, requests int) time.Duration {
	var next atomic.Int64
	var callers sync.WaitGroup
	begun := time.Now()
	for range 16 {
		callers.Go(func() {
			for n := next.Add(1); n <= int64(requests); n = next.Add(1) {
				w := nobody{http.Header{}, http.StatusOK}
				if h.ServeHTTP(&w, request(fmt.Sprintf("opaque-token-number-%d", n%100))); w.status != http.StatusOK {
					panic(fmt.Sprint("status ", w.status))
				}
			}
		})
	}
	callers.Wait()
	return time.Since(begun)
}

func askEveryTime(ctx context.Context, client *http.Client, endpoint, token string) (any, error) {
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
	var answer struct {
		Active bool   `json:"active"`
		Scope  string `json:"scope"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if !answer.Active {
		return nil, errors.New("inactive")
	}
	return answer, granted(answer.Scope)
}
