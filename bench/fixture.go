package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	issuer   = "https://auth.example.com"
	audience = "https://mcp.example.com/mcp"
)

type claims map[string]any

// accessToken returns the claims of the i-th token. They are padded so that the token,
// signed with RS256, has about size bytes.
func accessToken(i, size int) claims {
	now := time.Now().Unix()
	c := claims{
		"iss": issuer, "sub": fmt.Sprintf("user-%08d", i), "aud": audience, "exp": now + 7200, "iat": now - 60,
		"jti": fmt.Sprintf("%032x", i), "client_id": "client-1234", "scope": "mcp:read mcp:write",
	}
	const signature, header = 342, 80
	for n := 0; len(encode(c))*4/3+signature+header < size-60; n++ {
		c[fmt.Sprintf("claim_%02d", n)] = strings.Repeat("value ", 6)
	}
	return c
}

// request returns a request to the MCP server with the header fields that MCP clients
// send. It has no Authorization header if token is empty.
func request(token string) *http.Request {
	req := must(http.NewRequest(http.MethodPost, audience, nil))
	for name, value := range map[string]string{
		"Accept": "application/json, text/event-stream", "Accept-Encoding": "gzip", "Content-Type": "application/json",
		"Mcp-Protocol-Version": "2025-11-25", "Mcp-Session-Id": "4VYMZDDSTJCO3QUAJCNWKXW3MR", "User-Agent": "bench",
	} {
		req.Header.Set(name, value)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req
}

func b64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func encode(v any) []byte { return must(json.Marshal(v)) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// succeed panics if err is not nil.
func succeed(err error) {
	if err != nil {
		panic(err)
	}
}

// discardWriter is a ResponseWriter that keeps the header and the status and discards the body.
type discardWriter struct {
	header http.Header
	status int
}

func newDiscardWriter() *discardWriter {
	return &discardWriter{header: http.Header{}, status: http.StatusOK}
}

func (w *discardWriter) Header() http.Header            { return w.header }
func (w *discardWriter) Write(data []byte) (int, error) { return len(data), nil }
func (w *discardWriter) WriteHeader(status int)         { w.status = status }

// serveStatus sends req to h and returns the status.
func serveStatus(h http.Handler, req *http.Request) int {
	w := newDiscardWriter()
	h.ServeHTTP(w, req)
	return w.status
}

// mustAccept sends req to h and panics unless the status is 200.
func mustAccept(h http.Handler, req *http.Request) {
	if status := serveStatus(h, req); status != http.StatusOK {
		panic(fmt.Sprintf("status %d, want 200", status))
	}
}
