package resourcetest

import (
	"cmp"
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// maxClients limits the memory that open registration can use.
const maxClients = 10_000

// Client is a registered client.
type Client struct {
	ID           string
	Secret       string   // "" makes a public client
	RedirectURIs []string // compared exactly, except for the port of http://127.0.0.1 and http://[::1]
	GrantTypes   []string // nil: all; without "refresh_token" the client gets no refresh tokens
}

func (c Client) allows(grantType string) bool {
	return c.GrantTypes == nil || slices.Contains(c.GrantTypes, grantType)
}

// oauthError is an error response (RFC 6749 section 5.2). Its text is fixed: it does not
// repeat anything that the client sent.
type oauthError struct {
	status     int
	code, text string
}

func (e *oauthError) answer() answer { return errorAnswer(e.status, e.code, e.text) }

func errorAnswer(status int, code, text string) answer {
	a := noStore(document(status, object{{"error", code}, {"error_description", text}}))
	if status == http.StatusUnauthorized {
		a.header.Set("WWW-Authenticate", `Basic realm="resourcetest"`)
	}
	return a
}

// noStore forbids caches to store a response (RFC 6749 section 5.1).
func noStore(a answer) answer {
	a.header.Set("Cache-Control", "no-store")
	return a
}

func badRequest(code, text string) *oauthError {
	return &oauthError{http.StatusBadRequest, code, text}
}

// errClient is never modified.
var errClient = &oauthError{http.StatusUnauthorized, "invalid_client", "unknown client or wrong credentials"}

// authenticate authenticates the client by exactly one method: none, client_secret_basic or
// client_secret_post (RFC 6749 section 2.3). A confidential client can use either of the last
// two, regardless of the method that it registered.
func (s *Issuer) authenticate(r *request) (Client, *oauthError) {
	if err := r.checkForm(); err != nil {
		return Client{}, err
	}
	id, secret := r.form.Get("client_id"), r.form.Get("client_secret")
	if headers := r.Header.Values("Authorization"); len(headers) > 0 {
		name, password, ok := r.BasicAuth()
		name, err1 := url.QueryUnescape(name) // RFC 6749 section 2.3.1: both are form-encoded
		password, err2 := url.QueryUnescape(password)
		if !ok || len(headers) > 1 || err1 != nil || err2 != nil {
			return Client{}, errClient
		}
		if secret != "" || id != "" && id != name {
			return Client{}, badRequest("invalid_request", "more than one method of client authentication")
		}
		id, secret = name, password
	}
	client, ok := s.store.client(id)
	if !ok || subtle.ConstantTimeCompare([]byte(client.Secret), []byte(secret)) != 1 {
		return Client{}, errClient
	}
	return client, nil
}

// registration is the client metadata of RFC 7591 section 2 that the server supports and
// returns. It ignores other members, as that section requires.
type registration struct {
	RedirectURIs  []string `json:"redirect_uris,omitempty"`
	AuthMethod    string   `json:"token_endpoint_auth_method,omitempty"`
	GrantTypes    []string `json:"grant_types,omitempty"`
	ResponseTypes []string `json:"response_types,omitempty"`
	Name          string   `json:"client_name,omitempty"`
	URI           string   `json:"client_uri,omitempty"`
	LogoURI       string   `json:"logo_uri,omitempty"`
	Scope         string   `json:"scope,omitempty"`
	SoftwareID    string   `json:"software_id,omitempty"`
	Version       string   `json:"software_version,omitempty"`
}

func (s *Issuer) serveRegistration(r *request) answer {
	var metadata registration
	if err := json.Unmarshal(r.body, &metadata); err != nil {
		return errorAnswer(http.StatusBadRequest, "invalid_client_metadata", "the body is not a JSON object of client metadata")
	}
	if err := metadata.complete(); err != nil {
		return err.answer()
	}
	client := Client{ID: "client-" + rand.Text(), RedirectURIs: metadata.RedirectURIs, GrantTypes: metadata.GrantTypes}
	reply := object{{"client_id", client.ID}, {"client_id_issued_at", time.Now().Unix()}}
	if metadata.AuthMethod != "none" {
		client.Secret = rand.Text()
		reply = append(reply, object{{"client_secret", client.Secret}, {"client_secret_expires_at", 0}}...)
	}
	if !s.store.register(client) {
		return errorAnswer(http.StatusServiceUnavailable, "temporarily_unavailable", "too many clients")
	}
	// The other members are the registered metadata (RFC 7591 section 3.2.1).
	registered := strings.TrimPrefix(encode(metadata), "{")
	body := strings.TrimSuffix(string(reply.encode()), "}") + "," + registered
	return noStore(answer{http.StatusCreated, http.Header{"Content-Type": {"application/json"}}, []byte(body)})
}

// complete validates the metadata, sets the defaults of RFC 7591 section 2 and removes
// unsupported grant types.
func (m *registration) complete() *oauthError {
	m.AuthMethod = cmp.Or(m.AuthMethod, "client_secret_basic")
	if !slices.Contains(authMethods, m.AuthMethod) {
		return badRequest("invalid_client_metadata", "unsupported token_endpoint_auth_method")
	}
	if len(m.GrantTypes) == 0 {
		m.GrantTypes = []string{"authorization_code"}
	}
	m.GrantTypes = slices.DeleteFunc(m.GrantTypes, func(g string) bool { return !slices.Contains(grantTypes, g) })
	if len(m.GrantTypes) == 0 {
		return badRequest("invalid_client_metadata", "no supported grant type")
	}
	if slices.Contains(m.GrantTypes, "authorization_code") {
		m.ResponseTypes = []string{"code"}
		if len(m.RedirectURIs) == 0 {
			return badRequest("invalid_redirect_uri", "redirect_uris is missing")
		}
	}
	for _, uri := range m.RedirectURIs {
		if !redirectAllowed(uri) {
			return badRequest("invalid_redirect_uri", "a redirect URI must be https, http on loopback or a private scheme")
		}
	}
	return nil
}

// redirectAllowed reports whether a client may register the redirect URI. Allowed are https,
// http on the loopback interface, schemes with a dot (RFC 8252 section 7.1) and the schemes
// without one that MCP clients are known to use. Fragments are not allowed (RFC 6749 section
// 3.1.2).
func redirectAllowed(uri string) bool {
	u, err := url.Parse(uri)
	if err != nil || strings.Contains(uri, "#") || u.User != nil {
		return false
	}
	switch u.Scheme {
	case "https":
		return u.Host != ""
	case "http":
		return slices.Contains([]string{"127.0.0.1", "::1", "localhost"}, u.Hostname())
	}
	return strings.Contains(u.Scheme, ".") || slices.Contains([]string{"cursor", "vscode", "vscode-insiders"}, u.Scheme)
}

// redirectMatches compares redirect URIs byte for byte, except for the port of a loopback IP
// address (RFC 8252 section 7.3). "localhost" is not an IP address, so its port must match.
func redirectMatches(registered, requested string) bool {
	if registered == requested {
		return true
	}
	for _, host := range []string{"http://127.0.0.1", "http://[::1]"} {
		a, ok1 := strings.CutPrefix(registered, host)
		b, ok2 := strings.CutPrefix(requested, host)
		if ok1 && ok2 && withoutPort(a) == withoutPort(b) {
			return true
		}
	}
	return false
}

func withoutPort(afterHost string) string {
	if port, ok := strings.CutPrefix(afterHost, ":"); ok {
		return strings.TrimLeft(port, "0123456789")
	}
	return afterHost
}
