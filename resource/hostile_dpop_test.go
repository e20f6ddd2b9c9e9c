package resource_test

import (
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// proofRow changes a valid request with a proof. want is the reason; "" if it is accepted.
type proofRow struct {
	name   string
	change func(*provenRequest)
	want   resource.Reason
}

// provenRequest is a request with a token and a proof.
type provenRequest struct {
	fixture *fixture
	key     *resourcetest.ProofKey // of the proof
	token   resourcetest.Token     // bound to key by default
	text    string                 // replaces token
	proof   resourcetest.Proof
	target  string
	scheme  string
	several bool              // several Authorization fields, so no scheme was used
	header  func(http.Header) // changes the header at the end
}

// checkProofs sends the request of each row with a new and a cached token, compares the whole
// answer, and searches the log and the metrics for the proof and the token.
func (h *hostile) checkProofs(f *fixture, rows []proofRow) {
	h.Helper()
	for _, row := range rows {
		r := provenRequest{fixture: f, key: resourcetest.NewProofKey(""), target: identifier, scheme: "DPoP"}
		r.token.ProofKey = r.key
		row.change(&r)
		text := r.text
		if text == "" {
			text = f.token(r.token)
		}
		for _, use := range []string{"", ", cached"} {
			req := r.request(text)
			sent := req.Header.Get("DPoP")
			f.log.take()
			got := f.sendProof(req)
			log := f.log.take()
			h.expect(row.name+use, []any{got, loggedReason(log)}, []any{r.answer(row.want, got.nonce), row.want})
			for _, secret := range []string{sent, text} {
				h.checkNoToken(row.name, secret, log)
			}
		}
	}
	if text := f.metrics(); strings.Contains(text, "eyJ") {
		h.Errorf("the metrics contain a part of a token or proof: %s", text)
	}
}

func (r *provenRequest) request(text string) *http.Request {
	method := r.proof.Method
	if method == "" {
		method = http.MethodPost
	}
	req := httptest.NewRequest(method, r.target, nil)
	req.Header.Set("Authorization", r.scheme+" "+text)
	p := r.proof
	if p.Token == "" {
		p.Token = text
	}
	req.Header.Set("DPoP", r.key.Proof(p))
	if r.header != nil {
		r.header(req.Header)
	}
	return req
}

// answer returns the answer to a fault, of a resource that accepts both schemes.
func (r *provenRequest) answer(reason resource.Reason, nonce string) proven {
	refused := refusedDPoP
	if r.several || !strings.EqualFold(strings.TrimSpace(r.scheme), "DPoP") {
		refused = refusedBearer
	}
	switch {
	case reason == "":
		return provenAccepted
	case reason == resource.ReasonMissingCredentials:
		return refused(401, "")
	case reason == resource.ReasonMalformedRequest:
		return refused(400, badRequest)
	case reason == resource.ReasonDPoPScheme:
		return refused(401, otherScheme)
	case reason == resource.ReasonDPoPKey:
		return refused(401, otherKey)
	case reason == resource.ReasonDPoPNonce:
		a := refused(401, needsNonce)
		a.nonce = nonce
		return a
	case strings.HasPrefix(string(reason), "dpop_"):
		return refused(401, invalidProof)
	}
	return refused(401, invalidToken)
}

// claimOf sets a claim of the proof as JSON text; "" removes it.
func claimOf(name, json string) func(*provenRequest) {
	return func(r *provenRequest) { r.proof.Claims = map[string]any{name: resourcetest.Raw(json)} }
}

// paramOf does the same for a member of the proof's header.
func paramOf(name, json string) func(*provenRequest) {
	return func(r *provenRequest) { r.proof.Header = map[string]any{name: resourcetest.Raw(json)} }
}

func fieldsOf(change func(http.Header)) func(*provenRequest) {
	return func(r *provenRequest) { r.header = change }
}

func withScheme(scheme string) func(*provenRequest) {
	return func(r *provenRequest) { r.scheme = scheme }
}

func ofKey(alg string) func(*provenRequest) {
	return func(r *provenRequest) { r.key = resourcetest.NewProofKey(alg); r.token.ProofKey = r.key }
}

// Short names of the reasons in rows.
const (
	proofMalformed = resource.ReasonDPoPMalformed
	proofMissing   = resource.ReasonDPoPMissing
	proofAlgorithm = resource.ReasonDPoPAlgorithm
	proofMethod    = resource.ReasonDPoPMethod
	proofURL       = resource.ReasonDPoPURL
	proofTime      = resource.ReasonDPoPTime
	proofToken     = resource.ReasonDPoPToken
	proofOtherKey  = resource.ReasonDPoPKey
	proofSignature = resource.ReasonDPoPSignature
	proofScheme    = resource.ReasonDPoPScheme
	bindingFault   = resource.ReasonSenderConstrained
)

// hostileProofFields covers the fields and the header of the proof in section 9 of the list.
func hostileProofFields(h *hostile) {
	f := h.fixture(acceptDPoP)
	h.checkProofs(f, []proofRow{
		{"233 DPoP without a proof (RFC 9449 §7.1)", fieldsOf(func(x http.Header) { x.Del("DPoP") }), proofMissing},
		{"233 an empty field", fieldsOf(func(x http.Header) { x.Set("DPoP", "") }), proofMalformed},
		{"233 a field without values", fieldsOf(func(x http.Header) { x["Dpop"] = nil }), proofMissing},
		{"233 the proof in another spelling of the field", fieldsOf(func(x http.Header) { x["DPoP"] = x["Dpop"]; delete(x, "Dpop") }), proofMissing},
		{"233 the access token as the proof", fieldsOf(func(x http.Header) { x.Set("DPoP", strings.TrimPrefix(x.Get("Authorization"), "DPoP ")) }), proofMalformed},
		{"233 the proof as the access token", fieldsOf(func(x http.Header) { x.Set("Authorization", "DPoP "+x.Get("DPoP")) }), reasonIssuerUnknown},
		{"233 the proof with a scheme", fieldsOf(func(x http.Header) { x.Set("DPoP", "DPoP "+x.Get("DPoP")) }), proofMalformed},
		{"233 a quoted proof", fieldsOf(func(x http.Header) { x.Set("DPoP", `"`+x.Get("DPoP")+`"`) }), proofMalformed},
		{"234 two fields (§4.3, number 1)", fieldsOf(func(x http.Header) { x.Add("DPoP", x.Get("DPoP")) }), proofMalformed},
		{"234 an empty field behind it", fieldsOf(func(x http.Header) { x.Add("DPoP", "") }), proofMalformed},
		{"234 an empty field in front", fieldsOf(func(x http.Header) { x["Dpop"] = []string{"", x.Get("DPoP")} }), proofMalformed},
		{"234 two proofs and a comma", fieldsOf(func(x http.Header) { x.Set("DPoP", x.Get("DPoP")+","+x.Get("DPoP")) }), proofMalformed},
		{"234 a comma behind it", fieldsOf(func(x http.Header) { x.Set("DPoP", x.Get("DPoP")+",") }), proofMalformed},
		{"234 two proofs and a space", fieldsOf(func(x http.Header) { x.Set("DPoP", x.Get("DPoP")+" "+x.Get("DPoP")) }), proofMalformed},
		{"235 typ JWT", paramOf("typ", `"JWT"`), proofMalformed},
		{"235 no typ", paramOf("typ", ""), proofMalformed},
		{"235 typ in another case", paramOf("typ", `"DPOP+JWT"`), proofMalformed},
		{"235 typ with a prefix", paramOf("typ", `"application/dpop+jwt"`), proofMalformed},
		{"235 typ of an access token", paramOf("typ", `"at+jwt"`), proofMalformed},
		{"235 alg none", paramOf("alg", `"none"`), proofAlgorithm},
		{"235 alg HS256", paramOf("alg", `"HS256"`), proofAlgorithm},
		{"235 alg in another case", paramOf("alg", `"es256"`), proofAlgorithm},
		{"235 no alg", paramOf("alg", ""), proofAlgorithm},
		{"235 alg of another curve", paramOf("alg", `"ES384"`), proofMalformed},
		{"235 alg that is not offered", ofKey("RS256"), proofAlgorithm},
		{"235 alg with a terminal escape sequence", paramOf("alg", `"\u001b[31m"`), proofAlgorithm},
		{"235 no jwk", paramOf("jwk", ""), proofMalformed},
		{"235 kid instead of jwk", func(r *provenRequest) {
			r.proof.Header = map[string]any{"jwk": resourcetest.Remove, "kid": r.key.Thumbprint()}
		}, proofMalformed},
		{"235 jwk null", paramOf("jwk", "null"), proofMalformed},
		{"235 jwk a symmetric key", paramOf("jwk", `{"kty":"oct","k":"AAAA"}`), proofMalformed},
		{"235 x5c beside jwk", paramOf("x5c", `["AA"]`), proofMalformed},
		{"235 jku beside jwk", paramOf("jku", `"https://evil.test"`), proofMalformed},
		{"235 kid beside jwk", paramOf("kid", `"a"`), ""},
		{"235 crit", paramOf("crit", `["jwk"]`), proofMalformed},
		{"235 b64", paramOf("b64", `false`), proofMalformed},
		{"235 zip", paramOf("zip", `"DEF"`), proofMalformed},
	})
	for _, fault := range resourcetest.ProofFaults() { // each is also a row
		key := resourcetest.NewProofKey("").Faulty(fault)
		got := f.sendProof(proof(key, f.token(resourcetest.Token{ProofKey: key})))
		h.expect("235 fault: "+string(fault), got, refusedDPoP(401, invalidProof))
	}
}

// hostileProofClaims covers the claims of the proof.
func hostileProofClaims(h *hostile) {
	f := h.fixture(acceptDPoP)
	h.checkProofs(f, []proofRow{
		{"236 htm in another case (§4.3, number 8)", claimOf("htm", `"post"`), proofMethod},
		{"236 htm of another method", claimOf("htm", `"GET"`), proofMethod},
		{"236 htm with a space", claimOf("htm", `" POST"`), proofMethod},
		{"236 htm with text behind it", claimOf("htm", `"POSTX"`), proofMethod},
		{"236 htm with a line break and a secret", claimOf("htm", `"POST\r\nX-Evil: 1"`), proofMethod},
		{"236 htm is the access token, which no log shows", func(r *provenRequest) {
			r.text = r.fixture.token(r.token)
			r.proof.Claims = map[string]any{"htm": r.text}
		}, proofMethod},
		{"236 htm a list", claimOf("htm", `["POST","GET"]`), proofMalformed},
		{"236 htm null", claimOf("htm", `null`), proofMalformed},
		{"236 no htm", claimOf("htm", ``), proofMalformed},
		{"236 an unusual method", func(r *provenRequest) { r.proof.Method = "X-CUSTOM" }, ""},
		{"236 HEAD is not GET", func(r *provenRequest) { r.proof.Method = "HEAD"; r.proof.Claims = map[string]any{"htm": "GET"} }, proofMethod},
		{"237 query and fragment (§4.3, number 9)", claimOf("htu", `"https://mcp.example.test/mcp?a#b"`), ""},
		{"237 scheme and host in another case", claimOf("htu", `"HTTPS://MCP.EXAMPLE.TEST/mcp"`), ""},
		{"237 default port", claimOf("htu", `"https://mcp.example.test:443/mcp"`), ""},
		{"237 encoded letter", claimOf("htu", `"https://mcp.example.test/%6Dcp"`), ""},
		{"237 dot segments", claimOf("htu", `"https://mcp.example.test/x/../mcp"`), ""},
		{"237 a slash behind it", claimOf("htu", `"https://mcp.example.test/mcp/"`), proofURL},
		{"237 IPv6 zone", claimOf("htu", `"https://[fe80::1%25eth0]/mcp"`), proofURL},
		{"237 IDN", claimOf("htu", `"https://mcp.ex\u00e4mple.test/mcp"`), proofURL},
		{"237 user name", claimOf("htu", `"https://u:p@mcp.example.test/mcp"`), proofURL},
		{"237 another host", claimOf("htu", `"https://evil.test/mcp"`), proofURL},
		{"237 another path", claimOf("htu", `"https://mcp.example.test/admin"`), proofURL},
		{"237 http", claimOf("htu", `"http://mcp.example.test/mcp"`), proofURL},
		{"237 path parameter", claimOf("htu", `"https://mcp.example.test/mcp;a"`), proofURL},
		{"237 encoded slash", claimOf("htu", `"https://mcp.example.test%2Fmcp"`), proofURL},
		{"237 backslash", claimOf("htu", `"https://mcp.example.test\\mcp"`), proofURL},
		{"237 another scheme", claimOf("htu", `"javascript:alert(1)"`), proofURL},
		{"237 htu a list", claimOf("htu", `["https://mcp.example.test/mcp"]`), proofMalformed},
		{"237 no htu", claimOf("htu", ``), proofMalformed},
		{"238 Host of the request", func(r *provenRequest) {
			r.target, r.proof.Claims = "https://evil.test/mcp", map[string]any{"htu": "https://evil.test/mcp"}
		}, proofURL},
		{"238 X-Forwarded-Host", func(r *provenRequest) {
			r.proof.Claims = map[string]any{"htu": "https://evil.test/mcp"}
			r.header = func(x http.Header) {
				x.Set("X-Forwarded-Host", "evil.test")
				x.Set("Forwarded", "host=evil.test;proto=https")
			}
		}, proofURL},
		{"238 X-Forwarded-Proto", func(r *provenRequest) {
			r.proof.Claims = map[string]any{"htu": "http://mcp.example.test/mcp"}
			r.header = func(x http.Header) { x.Set("X-Forwarded-Proto", "http") }
		}, proofURL},
		{"239 iat too old (§4.3, number 11)", claimOf("iat", "946684000"), proofTime},
		{"239 iat too new", claimOf("iat", "946685000"), proofTime},
		{"239 iat in the year 1970", claimOf("iat", "0"), proofTime},
		{"239 iat in the year 9999, which overflows a Duration", claimOf("iat", "253402300799"), proofTime},
		{"239 iat in milliseconds", claimOf("iat", "946684800000"), proofMalformed},
		{"239 iat of 2^63-1", claimOf("iat", "9223372036854775807"), proofMalformed},
		{"239 iat negative", claimOf("iat", "-1"), proofMalformed},
		{"239 iat a float", claimOf("iat", "946684800.5"), proofMalformed},
		{"239 iat with an exponent", claimOf("iat", "9.466848e8"), proofMalformed},
		{"239 iat a string", claimOf("iat", `"946684800"`), proofMalformed},
		{"239 iat null", claimOf("iat", "null"), proofMalformed},
		{"239 no iat", claimOf("iat", ""), proofMalformed},
		{"240 no jti (§4.3, number 3)", claimOf("jti", ""), proofMalformed},
		{"240 jti empty", claimOf("jti", `""`), proofMalformed},
		{"240 jti of 257 bytes", claimOf("jti", `"`+strings.Repeat("j", 257)+`"`), proofMalformed},
		{"240 jti of 10 KB", claimOf("jti", `"`+strings.Repeat("j", 10_000)+`"`), proofMalformed},
		{"240 jti a number", claimOf("jti", "1"), proofMalformed},
		{"240 jti with a lone surrogate", claimOf("jti", `"\udc00"`), proofMalformed},
		{"240 jti twice", claimOf("jti", `"a","jti":"b"`), proofMalformed},
		{"240 JTI beside jti", claimOf("JTI", `"a"`), proofMalformed},
		{"241 no ath (§4.3, number 12)", claimOf("ath", ""), proofMalformed},
		{"241 ath of another token", func(r *provenRequest) { r.proof.Token = "another" }, proofToken},
		{"241 ath padded", claimOf("ath", `"`+strings.Repeat("A", 43)+`="`), proofMalformed},
		{"241 ath of zeros", claimOf("ath", `"`+strings.Repeat("A", 43)+`"`), proofToken},
		{"241 ath of SHA-512", claimOf("ath", `"`+strings.Repeat("A", 86)+`"`), proofMalformed},
		{"241 ath null", claimOf("ath", "null"), proofMalformed},
		{"241 claims an array", func(r *provenRequest) { r.proof.RawPayload = []byte("[]") }, proofMalformed},
		{"241 claims 60 levels deep", claimOf("x", strings.Repeat("[", 70)+strings.Repeat("]", 70)), proofMalformed},
	})
}
