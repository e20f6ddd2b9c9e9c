package resourcetest

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
)

// maxErrorBody is the number of bytes of an error response of a token endpoint that Transport
// reads, and the number that it reads of a response before it sends the request again.
const maxErrorBody = 64 << 10

// Transport returns a RoundTripper that adds a token and a new proof to each request, as SetProof
// does, and sends it with base. token is called for each request. It can return "", for requests
// to a token endpoint. nil stands for a function that returns "".
//
// The proofs have the newest nonce that the server sent as "DPoP-Nonce" (RFC 9449 section 8.2).
// If a server responds with the error use_dpop_nonce and a nonce, the request is sent once more
// with it: 401 of a resource (section 9), or 400 of a token endpoint (section 8). A request with a
// body is sent again only if it has GetBody, which http.NewRequest sets for bytes.Reader,
// bytes.Buffer and strings.Reader.
func (k *ProofKey) Transport(base http.RoundTripper, token func() string) http.RoundTripper {
	if base == nil {
		panic("resourcetest: Transport without a base; use http.DefaultTransport or Issuer.Transport")
	}
	if token == nil {
		token = func() string { return "" }
	}
	return &proofTransport{key: k, base: base, token: token, nonces: make(map[string]string)}
}

type proofTransport struct {
	key   *ProofKey
	base  http.RoundTripper
	token func() string

	mu     sync.Mutex
	nonces map[string]string // the newest by origin of the server
}

func (t *proofTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.send(r)
	if err != nil || !nonceRequired(response) {
		return response, err
	}
	again := r.Clone(r.Context())
	if r.Body != nil && r.Body != http.NoBody {
		if r.GetBody == nil {
			return response, nil
		}
		if again.Body, err = r.GetBody(); err != nil {
			return response, nil //nolint:nilerr // the first response is the result
		}
	}
	_, _ = io.CopyN(io.Discard, response.Body, maxErrorBody) // so that the connection can be reused
	_ = response.Body.Close()
	return t.send(again)
}

func (t *proofTransport) send(r *http.Request) (*http.Response, error) {
	origin := r.URL.Scheme + "://" + r.URL.Host
	t.mu.Lock()
	nonce := t.nonces[origin]
	t.mu.Unlock()
	r = r.Clone(r.Context()) // a RoundTripper must not modify the request
	t.key.setProof(r, t.token(), nonce)
	response, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if nonce := response.Header.Get("DPoP-Nonce"); nonce != "" {
		t.mu.Lock()
		t.nonces[origin] = nonce
		t.mu.Unlock()
	}
	return response, nil
}

// nonceRequired reports whether a response is the error use_dpop_nonce with a nonce.
func nonceRequired(response *http.Response) bool {
	if response.Header.Get("DPoP-Nonce") == "" {
		return false
	}
	switch response.StatusCode {
	case http.StatusUnauthorized:
		return strings.Contains(strings.Join(response.Header.Values("WWW-Authenticate"), ","), "use_dpop_nonce")
	case http.StatusBadRequest:
		return errorCode(response) == "use_dpop_nonce"
	}
	return false
}

// errorCode returns the error in the JSON body of a token endpoint (RFC 6749 section 5.2). The body
// can still be read.
func errorCode(response *http.Response) string {
	start, err := io.ReadAll(io.LimitReader(response.Body, maxErrorBody))
	response.Body = &replayedBody{io.MultiReader(bytes.NewReader(start), response.Body), response.Body}
	var body struct {
		Error string `json:"error"`
	}
	if err != nil || json.Unmarshal(start, &body) != nil {
		return ""
	}
	return body.Error
}

// replayedBody is a response body of which a part was already read.
type replayedBody struct {
	io.Reader
	io.Closer
}
