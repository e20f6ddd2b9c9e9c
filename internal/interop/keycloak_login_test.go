package interop_test

import (
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// keycloakRedirect is the redirect URI of the clients that register. Nothing listens there.
const keycloakRedirect = "http://127.0.0.1:33418/callback"

// A keycloakBrowser fills in Keycloak's login and consent pages.
type keycloakBrowser struct {
	k       *keycloak
	user    string
	cookies map[string]string // cookiejar omits Secure cookies, which Keycloak also sets over http
}

var (
	formAction  = regexp.MustCompile(`<form[^>]*action="([^"]+)"`)
	hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`)
)

// login runs the authorization code flow with PKCE for a public client. If Keycloak rejects a
// step, failed is the error code.
func (k *keycloak) login(client, user, scope string) (issued keycloakTokens, failed string) {
	k.t.Helper()
	const verifier = "0123456789012345678901234567890123456789012" // RFC 7636 §4.1: 43 characters; the code is used once
	b := &keycloakBrowser{k: k, user: user, cookies: map[string]string{}}
	answer := b.follow(k.issuer + "/protocol/openid-connect/auth?" + url.Values{
		"response_type": {"code"}, "client_id": {client}, "redirect_uri": {keycloakRedirect}, "scope": {scope}, "state": {"s"},
		"code_challenge": {verifier}, "code_challenge_method": {"plain"},
	}.Encode())
	if answer.Get("code") == "" {
		return keycloakTokens{}, answer.Get("error")
	}
	return k.request("interop", url.Values{"grant_type": {"authorization_code"}, "code": {answer.Get("code")}, "client_id": {client},
		"redirect_uri": {keycloakRedirect}, "code_verifier": {verifier}})
}

// follow follows pages and redirects until the redirect to the client, and returns its query.
func (b *keycloakBrowser) follow(page string) url.Values {
	b.k.t.Helper()
	var form url.Values
	for range 10 {
		res := b.send(page, form)
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil {
			b.k.t.Fatal(err)
		}
		if location, err := res.Location(); err == nil {
			if strings.HasPrefix(location.String(), keycloakRedirect) {
				return location.Query()
			}
			page, form = location.String(), nil
			continue
		}
		if page, form = b.fill(res.Request.URL, string(body)); page == "" {
			b.k.t.Fatalf("Keycloak shows a page without a form: %d", res.StatusCode)
		}
	}
	b.k.t.Fatal("Keycloak does not redirect to the client")
	return nil
}

// fill returns the address and the content of the page's form.
func (b *keycloakBrowser) fill(at *url.URL, body string) (page string, form url.Values) {
	action := formAction.FindStringSubmatch(body)
	if action == nil {
		return "", nil
	}
	target, err := at.Parse(html.UnescapeString(action[1]))
	if err != nil {
		b.k.t.Fatal(err)
	}
	form = url.Values{"username": {b.user}, "password": {"secret"}}
	if strings.Contains(target.Path, "consent") {
		form = url.Values{"accept": {"Yes"}}
		for _, field := range hiddenField.FindAllStringSubmatch(body, -1) {
			form.Set(field[1], html.UnescapeString(field[2]))
		}
	}
	return target.String(), form
}

// send sends a GET, or a POST with a form, and keeps the cookies.
func (b *keycloakBrowser) send(page string, form url.Values) *http.Response {
	b.k.t.Helper()
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(b.k.t.Context(), method, page, strings.NewReader(form.Encode()))
	if err != nil {
		b.k.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range b.cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		b.k.t.Fatal(err)
	}
	for _, cookie := range res.Cookies() {
		b.cookies[cookie.Name] = cookie.Value
	}
	return res
}
