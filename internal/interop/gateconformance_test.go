package interop_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/warder-go/warder/resource/resourcetest"
)

// A conformanceGate is a configuration of the gate in front of the conformance server.
type conformanceGate struct {
	name     string
	rules    bool // for tools/call and subscriptions/listen
	sessions bool // bind_sessions
}

// conformanceGates are the configurations for a mode of the server. A server without sessions does not
// need bind_sessions. With it, the gate rejects calls with the parameter task, which need a session.
func conformanceGates(mode string) []conformanceGate {
	if mode == "stateful" {
		return []conformanceGate{{"gate", false, false}, {"gate, rules and sessions", true, true}}
	}
	return []conformanceGate{{"gate", false, false}, {"gate, rules", true, false}}
}

// runGate runs the scenarios against the unprotected server behind the gate. The suite does not support
// authorization, so a proxy in front of the gate adds a token to each request. The URL of the proxy is the
// identifier, and the proxy does not change Host.
func (s *conformanceSuite) runGate(t *testing.T, program gateProgram, gate conformanceGate, revision, mode string) results {
	t.Helper()
	issuer := resourcetest.Start(t)
	front := httptest.NewUnstartedServer(nil)
	identifier := "http://" + front.Listener.Addr().String() + "/mcp"
	block := map[string]any{"issuer_url": issuer.Identifier(), "resource_server_url": identifier, "required_scopes": []string{"mcp:use"}}
	if gate.rules {
		block["method_scopes"] = map[string][]string{"tools/call": {"mcp:use"}, "subscriptions/listen": {"mcp:use"}}
	}
	address := program.serve(t, gateFile{Upstreams: []gateUpstream{{
		Name: "everything", URL: serveProgram(t, s.server, "none", mode), BindSessions: gate.sessions, Authorization: block,
	}}})
	token := issuer.Token(resourcetest.Token{Audience: identifier, Scope: "mcp:use"})
	front.Config.Handler = addToken(token, &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: address})
		r.Out.Host = r.In.Host
	}})
	front.Start()
	t.Cleanup(func() {
		front.CloseClientConnections() // streams
		front.Close()
	})
	return s.runAt(t, identifier, revision)
}

// addToken reads the body of each request and adds the token. It rejects requests that have an
// Authorization header, since replacing that header could hide a failure. Without reading it first,
// net/http could close the body of a request while the proxy still sends it.
func addToken(token string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Header["Authorization"] != nil {
			http.Error(w, "unexpected Authorization header in a request of the suite", http.StatusTeapot)
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusTeapot)
			return
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		req.Header.Set("Authorization", "Bearer "+token)
		next.ServeHTTP(w, req)
	})
}
