package keyset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/warder-go/warder/internal/grammar"
	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/internal/weborigin"
	"github.com/warder-go/warder/metadata"
)

// Bearer is an access token for the requests of a fetch (RFC 6750 §2.1). Some servers, such as
// Kubernetes, answer 401 to requests without a token for their metadata and keys.
//
// The token is sent over https, or over http to a loopback host without a proxy, and only to
// servers that the operator has named: the origins of URLs, and every port of Hosts. Requests
// to a server that only the issuer's metadata names do not contain the token.
type Bearer struct {
	Token   func() (string, error) // called once per fetch; nil: requests have no token. Its errors are logged
	URLs    []string
	Hosts   []string
	Proxied bool   // http requests can pass a proxy, which would read the token
	Setting string // of the token, for errors
}

// getter returns the client for the requests of one fetch. b may be nil.
func (b *Bearer) getter(client *outbound.Client) (metadata.Getter, error) {
	if b == nil || b.Token == nil {
		return client, nil
	}
	token, err := b.Token()
	if err == nil && !grammar.IsB64Token(token) { // other text could add to the header
		err = errors.New("not a b64token (RFC 6750 §2.1)")
	}
	if err != nil {
		return nil, &Error{Outcome: "bearer_token", Err: fmt.Errorf("keyset: %s: %w", b.Setting, err)}
	}
	return &bearerClient{client, b, token}, nil
}

// MayReceive reports whether the token may be sent to the server of a URL. b may be nil.
func (b *Bearer) MayReceive(text string) bool {
	if b == nil || b.Token == nil {
		return false
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && (b.Proxied || u.Scheme != "http" || !outbound.IsLoopbackHost(u.Hostname())) {
		return false
	}
	origin := weborigin.Of(u)
	isNamed := func(named string) bool {
		other, err := url.Parse(named)
		return err == nil && weborigin.Of(other) == origin
	}
	return origin != "" && slices.ContainsFunc(b.URLs, isNamed) || outbound.HasHost(b.Hosts, u.Hostname())
}

// hint returns what to set if the server of a URL has answered with 401 or 403. b may be nil.
func (b *Bearer) hint(text string) string {
	switch {
	case b == nil:
		return ""
	case b.Token == nil:
		return "set " + b.Setting + ", or "
	case b.MayReceive(text):
		return "it rejected the token in " + b.Setting + "; replace the token, or "
	}
	return "it did not get the token in " + b.Setting + ", because the configuration does not name it with https; add its host to allow_private_hosts (in Go: AllowHosts), or "
}

// bearerClient sends requests with the token to the servers that may receive it.
type bearerClient struct {
	client *outbound.Client
	bearer *Bearer
	token  string
}

// errReflected replaces a response that contains the token, because parts of a response can be
// logged.
var errReflected = errors.New("keyset: the response repeats the bearer token of the request")

// Get sends a GET request.
func (c *bearerClient) Get(ctx context.Context, url string, header http.Header) (*outbound.Response, error) {
	if !c.bearer.MayReceive(url) {
		return c.client.Get(ctx, url, header)
	}
	header = header.Clone()
	header.Set("Authorization", "Bearer "+c.token)
	response, err := c.client.Get(ctx, url, header)
	if err == nil && bytes.Contains(response.Body, []byte(c.token)) {
		return nil, &Error{Outcome: "malformed", Err: errReflected}
	}
	return response, err
}
