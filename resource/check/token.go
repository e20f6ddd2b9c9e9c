package check

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/claimset"
	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/internal/strictjson"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/config"
)

// checkToken decides about the token with this configuration, in this process. It reports whether
// the token can be used for requests.
func (r *run) checkToken(ctx context.Context) (usable bool) {
	if r.config.Token == "" {
		return false
	}
	decision, refusal := r.decideAt(ctx, r.resource.Identifier(), toolsList(1, ""), "Bearer "+r.config.Token, "")
	if refusal == nil {
		decision.Done()
		r.caller = decision.Caller
		r.add(IDTokenAccepted, "token", "accepted for tools/list", "")
		return true
	}
	seen := "rejected with " + fmt.Sprint(refusal.Status) + ", reason " + string(refusal.Reason)
	claims := unverifiedClaims(r.config.Token)
	switch refusal.Reason {
	case resource.ReasonAudience:
		r.add(IDTokenAudience, "token", seen+"; "+claims.describeAudience(), r.audienceFix(claims))
	case resource.ReasonIssuerUnknown:
		if field := r.tokenHeaderOf(claims.issuer); field != "" {
			r.add(IDNotChecked, "token", "tokens of its issuer are accepted only in the header field "+field, "")
			return false
		}
		r.add(IDTokenIssuer, "token", seen+"; iss (not verified) is "+claims.issuer, "set issuer_url, or an entry in additional_issuers, to the iss of the token, or get the token from an issuer of the configuration")
	case resource.ReasonBindingRequired, resource.ReasonDPoPMissing, resource.ReasonDPoPScheme, resource.ReasonCertificateMissing:
		r.add(IDNotChecked, "token", seen+": this check has no key or certificate that a token is bound to", "")
	case resource.ReasonHeaderClaim:
		r.add(IDNotChecked, "token", "the token agrees with header_claims only in requests that have their header fields", "")
		return true
	default:
		return r.addRejected(refusal, seen)
	}
	return false
}

// addRejected adds the finding for a token that is rejected for another reason.
func (r *run) addRejected(refusal *resource.Refusal, seen string) (usable bool) {
	switch refusal.Status {
	case http.StatusForbidden:
		r.add(IDTokenPermission, "token", seen, "get a token with the scopes in required_scopes and in method_scopes.tools/list, and with the claims that conditions require")
		return true
	case http.StatusServiceUnavailable:
		r.add(IDNotChecked, "token", seen, "")
	default:
		r.add(IDTokenRejected, "token", seen, "see the reason "+string(refusal.Reason)+" in docs/reference.md, or get a new token")
	}
	return false
}

// tokenHeaderOf returns the only header field in which tokens of an issuer are accepted, or "".
func (r *run) tokenHeaderOf(issuer string) string {
	for _, i := range r.parts.Issuers {
		if i.Settings.IssuerURL == issuer {
			return i.Settings.TokenHeader
		}
	}
	return ""
}

// audienceFix says which key and which value make the audiences fit.
func (r *run) audienceFix(claims tokenClaims) string {
	var accepted []string
	key := "expected_audiences"
	for _, i := range r.parts.Issuers {
		if i.Settings.IssuerURL == claims.issuer || len(r.parts.Issuers) == 1 {
			accepted, key = audiencesOf(i.Settings, r.resource.Identifiers()), keyOf(i, key)
		}
	}
	return "make the issuer set the audience of tokens for this server to one of " + some(accepted) + ", or add the audience of the token to " + key + " if it stands for this server alone"
}

// decideAt returns the decision of this configuration about a POST request to a URL with this body, or about a GET request without one. The values of the fields are left out if they are "".
func (r *run) decideAt(ctx context.Context, identifier, body, authorization, origin string) (resource.Decision, *resource.Refusal) {
	req, err := newRequest(ctx, identifier, body)
	if err != nil {
		return resource.Decision{}, &resource.Refusal{Status: http.StatusInternalServerError, Reason: resource.ReasonInternalError}
	}
	setIf(req.Header, "Authorization", authorization)
	setIf(req.Header, "Origin", origin)
	return r.resource.Authenticate(req)
}

// newRequest returns a request to the MCP server. A request without a body is a GET request.
func newRequest(ctx context.Context, url, body string) (*http.Request, error) {
	if body == "" {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err == nil {
			req.Header.Set("Accept", "text/event-stream")
		}
		return req, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err == nil {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json, text/event-stream")
	}
	return req, err
}

func setIf(h http.Header, name, value string) {
	if value != "" {
		h.Set(name, value)
	}
}

// tokenClaims are claims of a token that are not verified.
type tokenClaims struct {
	issuer   string
	audience []string
	isJWT    bool
}

var tokenNames = strictjson.NewNames("iss", "aud")

// unverifiedClaims reads two claims of a JWT for a text. Nothing else may depend on them.
func unverifiedClaims(token string) (c tokenClaims) {
	if !jose.LooksLikeJWS(token) {
		return c
	}
	parsed, err := jose.Parse(token)
	if err != nil {
		return c
	}
	c.isJWT = strictjson.Object(parsed.Payload, tokenNames, func(name string, value jsontext.Value) (err error) {
		if name == "iss" {
			c.issuer, err = strictjson.String(value)
		} else {
			c.audience, err = claimset.StringOrStrings(value)
		}
		return err
	}) == nil
	return c
}

func (c tokenClaims) describeAudience() string {
	switch {
	case !c.isJWT:
		return "the token is not a JWT, and its audience is in the introspection response"
	case len(c.audience) == 0:
		return "the token has no aud"
	}
	return "aud (not verified) is " + some(c.audience)
}

// ruleTools returns the tools that rules name, each with the first key that names it, sorted.
func ruleTools(s *config.Settings) (tools []string, keys map[string]string) {
	keys = map[string]string{}
	add := func(key string, names ...string) {
		for _, name := range names {
			if keys[name] == "" {
				keys[name] = key
				tools = append(tools, name)
			}
		}
	}
	for name := range s.ToolScopes {
		add("tool_scopes", name)
	}
	add("public_tools", s.PublicTools...)
	for _, rule := range s.ArgumentScopes {
		add("argument_scopes", rule.Tool)
	}
	for name := range s.ToolConditions {
		add("tool_conditions", name)
	}
	for name := range s.ToolAuthentication {
		add("tool_authentication", name)
	}
	add("bound_tools", s.BoundTools...)
	slices.Sort(tools)
	return tools, keys
}
