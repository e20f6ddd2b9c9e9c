package onbehalf_test

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource/onbehalf"
)

// The application and the target in the documentation's terms: this server is the middle tier, and
// the target is the downstream API.
const (
	entraTenant = "https://login.entra.example.test/contoso/oauth2/v2.0/token"
	entraClient = "11112222-bbbb-3333-cccc-4444dddd5555"
	entraSecret = "entra-cl1ent-secret"
	entraTarget = "https://graph.example.test"
	mailRead    = entraTarget + "/Mail.Read"
)

// entra is the token endpoint of Microsoft Entra, as its documentation of the on-behalf-of flow and of
// its error codes describes it. It is an http.RoundTripper. It does not verify the signature of an
// assertion. Its other answers are those that a policy of the tenant causes.
type entra struct {
	scope          string        // "scope" of an answer; "": as requested
	extra          string        // further members of an answer
	refusal        *entraRefusal // the answer to each valid request; nil: a token
	audience       string        // of assertions; "": identifier
	assertionFirst bool          // the assertion is checked before the client
	requests       []url.Values
}

// entraRefusal is an error answer.
type entraRefusal struct {
	status   int // 0: 400
	code     string
	number   int
	suberror string
	claims   string
}

// answer returns the status and the body of the answer. Its description has the trace ID, and repeats the assertion, so that a test
// notices if it gets into an error or a log.
func (r *entraRefusal) answer(form url.Values) (status int, body string) {
	const stamp, trace, correlation = "2026-11-30 21:00:00Z", "0000aaaa-11bb-cccc-dd22-eeeeee333333", "aaaa0000-bb11-2222-33cc-444444dddddd"
	answer := map[string]any{
		"error":             r.code,
		"error_description": fmt.Sprintf("AADSTS%d: %s\r\nTrace ID: %s\r\nCorrelation ID: %s\r\nTimestamp: %s", r.number, form.Get("assertion"), trace, correlation, stamp),
		"error_codes":       []int{r.number}, "timestamp": stamp, "trace_id": trace, "correlation_id": correlation,
		"error_uri": fmt.Sprintf("https://login.entra.example.test/error?code=%d", r.number),
	}
	if r.suberror != "" {
		answer["suberror"] = r.suberror
	}
	if r.claims != "" {
		answer["claims"] = r.claims
	}
	text, _ := json.Marshal(answer)
	return max(r.status, http.StatusBadRequest), string(text)
}

// RoundTrip answers a token request.
func (e *entra) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || req.URL.String() != entraTenant || req.Method != http.MethodPost {
		return nil, fmt.Errorf("%s %s is not a token request", req.Method, req.URL)
	}
	e.requests = append(e.requests, form)
	status, answer := http.StatusOK, ""
	if refusal := e.check(req, form); refusal != nil {
		status, answer = refusal.answer(form)
	} else {
		answer = e.issue(form)
	}
	header := http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(answer)), Request: req}, nil
}

// check returns why a request is refused; nil: it is not.
func (e *entra) check(req *http.Request, form url.Values) *entraRefusal {
	checks := []func() *entraRefusal{
		func() *entraRefusal { return checkEntraClient(req, form) },
		func() *entraRefusal {
			return checkEntraAssertion(form.Get("assertion"), cmp.Or(e.audience, identifier))
		},
		func() *entraRefusal { return checkEntraScope(form.Get("scope")) },
		func() *entraRefusal { return e.refusal },
	}
	if form.Get("grant_type") != bearerGrant || form.Get("requested_token_use") != "on_behalf_of" {
		return &entraRefusal{code: "invalid_request", number: 9002313}
	}
	if e.assertionFirst {
		checks[0], checks[1] = checks[1], checks[0]
	}
	for _, check := range checks {
		if refusal := check(); refusal != nil {
			return refusal
		}
	}
	return nil
}

// checkEntraClient authenticates the client, by HTTP Basic or in the form.
func checkEntraClient(req *http.Request, form url.Values) *entraRefusal {
	id, secret, ok := req.BasicAuth()
	if !ok {
		id, secret = form.Get("client_id"), form.Get("client_secret")
	}
	switch {
	case id != entraClient:
		return &entraRefusal{code: "unauthorized_client", number: 700016}
	case secret == "":
		return &entraRefusal{status: http.StatusUnauthorized, code: "invalid_client", number: 7000218}
	case secret == "expired":
		return &entraRefusal{status: http.StatusUnauthorized, code: "invalid_client", number: 7000222}
	case secret != entraSecret:
		return &entraRefusal{status: http.StatusUnauthorized, code: "invalid_client", number: 7000215}
	}
	return nil
}

// checkEntraAssertion checks that the assertion is an access token of a user with the audience.
func checkEntraAssertion(assertion, audience string) *entraRefusal {
	parts := strings.Split(assertion, ".")
	var claims struct {
		Aud   string `json:"aud"`
		IDTyp string `json:"idtyp"`
		Nonce string `json:"nonce"`
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[min(1, len(parts)-1)])
	if err != nil || len(parts) != 3 || json.Unmarshal(payload, &claims) != nil {
		return &entraRefusal{code: "invalid_request", number: 50027}
	}
	switch {
	case claims.Aud != audience:
		return &entraRefusal{code: "invalid_grant", number: 500131}
	case claims.IDTyp == "app":
		return &entraRefusal{code: "invalid_grant", number: 7000114}
	case claims.Nonce != "":
		return &entraRefusal{code: "invalid_grant", number: 240002}
	}
	return nil
}

// checkEntraScope checks that each scope is of the target, which has Mail.Read, Mail.Send and .default.
func checkEntraScope(scope string) *entraRefusal {
	if scope == "" {
		return &entraRefusal{code: "invalid_request", number: 900144}
	}
	for _, s := range strings.Fields(scope) {
		target, name := s[:max(strings.LastIndexByte(s, '/'), 0)], s[strings.LastIndexByte(s, '/')+1:]
		switch {
		case s == "offline_access":
		case target == "api://"+entraClient:
			return &entraRefusal{code: "invalid_request", number: 90009}
		case target != entraTarget:
			return &entraRefusal{code: "invalid_resource", number: 500011}
		case !slices.Contains([]string{"Mail.Read", "Mail.Send", ".default"}, name):
			return &entraRefusal{code: "invalid_scope", number: 70011}
		}
	}
	return nil
}

// issue returns the body of a success answer.
func (e *entra) issue(form url.Values) string {
	scope := form.Get("scope")
	if e.scope != "" {
		scope = e.scope
	}
	encode := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	token := encode(`{"typ":"JWT","alg":"RS256","kid":"1"}`) + "." + encode(`{"aud":"`+entraTarget+`","scp":"Mail.Read"}`) + "." + encode("signature")
	refresh := ""
	if strings.Contains(scope, "offline_access") {
		refresh = `,"refresh_token":"entra-r3fresh"`
	}
	return fmt.Sprintf(`{"token_type":"Bearer","scope":%q,"expires_in":3269,"ext_expires_in":3269,"access_token":%q%s%s}`, scope, token, refresh, e.extra)
}

// inEntra runs test in a bubble with an exchanger for one target of Entra. change can be nil.
func (e *entra) inEntra(f func(*config), scopes ...string) func(*config) {
	return func(c *config) {
		c.onbehalf.TokenEndpoint, c.onbehalf.Transport = entraTenant, e
		c.onbehalf.Auth = introspect.ClientAuth{Method: introspect.ClientSecretPost, ClientID: entraClient, ClientSecret: entraSecret}
		c.onbehalf.Targets = []onbehalf.Target{{
			Name: "calendar", Grant: onbehalf.EntraOnBehalfOf, Scopes: scopes, IssuedAudiences: []string{entraTarget}, ChallengeScopes: []string{"mcp:mail"},
		}}
		if f != nil {
			f(c)
		}
	}
}
