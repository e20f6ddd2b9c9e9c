package interop_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// The URL in a DPoP proof (htu) is the one that the client used, whether the proxy removes the base
// path or not (RFC 9449 §4.3). The client is the Go SDK with an HTTP client that adds the proofs.
func TestDPoPBehindProxies(t *testing.T) {
	for _, row := range proxyPrograms {
		t.Run(row.name, func(t *testing.T) {
			nonces := resource.DPoP{Tokens: resource.BindingRequired, RequireNonce: true}
			for _, mode := range []struct {
				name string
				dpop resource.DPoP
			}{{"DPoP is required", requiresDPoP}, {"DPoP and nonces are required", nonces}} {
				proxy, issuer := startBehindProxy(t, row.start, row.removes, mode.dpop)
				key, url := resourcetest.NewProofKey(""), proxy+basePath+"/mcp"
				token := issuer.Token(resourcetest.Token{Audience: url, Scope: "mcp:read", Subject: "alice", ProofKey: key})
				got, err := callWithProofs(t, url, key.Transport(http.DefaultTransport, func() string { return token }))
				check(t, row.name+", "+mode.name, "whoami for alice with mcp:read, <nil>", fmt.Sprintf("%s, %v", got, err))
			}

			proxy, issuer := startBehindProxy(t, row.start, row.removes, requiresDPoP)
			key, url := resourcetest.NewProofKey(""), proxy+basePath+"/mcp"
			token := issuer.Token(resourcetest.Token{Audience: url, Scope: "mcp:read", ProofKey: key})
			for _, other := range []struct{ name, htu string }{
				{"the URL behind the proxy", proxy + "/mcp"}, {"another path below the base path", url + "/x"}, {"another origin", "https://other.example" + basePath + "/mcp"},
			} {
				proof := key.Proof(resourcetest.Proof{Method: http.MethodPost, URL: other.htu, Token: token})
				status := sendProof(t, url, http.Header{"Authorization": {"DPoP " + token}, "Dpop": {proof}})
				check(t, row.name+", proof for "+other.name, "401", fmt.Sprint(status))
			}
		})
	}
}

// callWithProofs calls the tool whoami with the Go SDK, which sends its requests with a transport.
func callWithProofs(t *testing.T, url string, transport http.RoundTripper) (string, error) {
	t.Helper()
	client := &goSDKClient{t: t, transport: &mcp.StreamableClientTransport{Endpoint: url, HTTPClient: &http.Client{Transport: transport}}}
	return client.call("whoami")
}

// sendProof sends a POST request with header fields and returns the status.
func sendProof(t *testing.T, url string, header http.Header) (status int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	status, _ = fetch(t, http.DefaultClient, req)
	return status
}
