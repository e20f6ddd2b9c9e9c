package resourcetest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// claimFaults are faults of the claims that do not depend on the request (RFC 9449 section 4.3,
// checks 3, 10 and 11). It is never modified.
var claimFaults = []proofFault{
	{name: "iat missing", draft: claim("iat", Remove)},
	{name: "iat null", draft: claim("iat", nil)},
	{name: "iat string", draft: func(d *draft) { claim("iat", fmt.Sprint(d.proof.IssuedAt.Unix()))(d) }},
	{name: "iat with a fraction", draft: func(d *draft) { claim("iat", Raw(fmt.Sprintf("%d.5", d.proof.IssuedAt.Unix())))(d) }},
	{name: "iat in milliseconds", draft: func(d *draft) { claim("iat", d.proof.IssuedAt.UnixMilli())(d) }},
	{name: "iat too large for a number", draft: claim("iat", Raw("1e400"))},
	{name: "iat negative", draft: claim("iat", -1)},
	{name: "iat a day too old", draft: func(d *draft) { claim("iat", d.proof.IssuedAt.Add(-24*time.Hour).Unix())(d) }},
	{name: "iat a day too new", draft: func(d *draft) { claim("iat", d.proof.IssuedAt.Add(24*time.Hour).Unix())(d) }},
	{name: "iat too old, then the right one", draft: func(d *draft) { claim("iat", duplicate("iat", 1, d.proof.IssuedAt.Unix()))(d) }},
	{name: "IAT for iat", draft: func(d *draft) { d.claims = renamed(d.claims, "iat", "IAT") }},

	{name: "jti missing", draft: claim("jti", Remove)},
	{name: "jti null", draft: claim("jti", nil)},
	{name: "jti empty", draft: claim("jti", "")},
	{name: "jti number", draft: claim("jti", 1)},
	{name: "jti array", draft: func(d *draft) { claim("jti", []string{d.proof.ID})(d) }},
	{name: "jti of 257 bytes", draft: claim("jti", strings.Repeat("j", 257))},
	{name: "jti twice", draft: func(d *draft) { d.claims = twice(d.claims, "jti") }},
	{name: "JTI for jti", draft: func(d *draft) { d.claims = renamed(d.claims, "jti", "JTI") }},

	{name: "nonce number", draft: claim("nonce", 1)},
	{name: "nonce null", draft: claim("nonce", nil)},
	{name: "nonce array", draft: func(d *draft) { claim("nonce", []string{d.proof.Nonce})(d) }},

	{name: "ath missing", draft: ath(func(string) any { return Remove })},
	{name: "ath null", draft: ath(func(string) any { return nil })},
	{name: "ath empty", draft: ath(func(string) any { return "" })},
	{name: "ath number", draft: ath(func(string) any { return 1 })},
	{name: "ath of another token", draft: ath(func(token string) any { return tokenHash(token + "x") })},
	{name: "ath of the token with its scheme", draft: ath(func(token string) any { return tokenHash("DPoP " + token) })},
	{name: "ath padded", draft: ath(func(token string) any { return tokenHash(token) + "=" })},
	{name: "ath truncated", draft: ath(func(token string) any { return tokenHash(token)[:22] })},
	{name: "ath in hexadecimal", draft: ath(func(token string) any {
		sum := sha256.Sum256([]byte(token))
		return hex.EncodeToString(sum[:])
	})},
	{name: "ath of the hash in hexadecimal", draft: ath(func(token string) any {
		sum := sha256.Sum256([]byte(token))
		return base64.RawURLEncoding.EncodeToString([]byte(hex.EncodeToString(sum[:])))
	})},
	{name: "ath the token itself", draft: ath(func(token string) any { return token })},
	{name: "ath of another token, then the right one", draft: ath(func(token string) any { return duplicate("ath", tokenHash("x"), tokenHash(token)) })},
	{name: "ATH for ath", draft: func(d *draft) {
		ath(func(token string) any { return tokenHash(token) })(d)
		d.claims = renamed(d.claims, "ath", "ATH")
	}},
}

// requestFaults are faults of the claims about the request (RFC 9449 section 4.3, checks 8 and
// 9). It is never modified.
var requestFaults = []proofFault{
	{name: "htm missing", draft: claim("htm", Remove)},
	{name: "htm null", draft: claim("htm", nil)},
	{name: "htm empty", draft: claim("htm", "")},
	{name: "htm number", draft: claim("htm", 1)},
	{name: "htm array", draft: func(d *draft) { claim("htm", []string{d.proof.Method})(d) }},
	{name: "htm in lower case", draft: func(d *draft) { claim("htm", strings.ToLower(d.proof.Method))(d) }},
	{name: "htm with a space", draft: func(d *draft) { claim("htm", d.proof.Method+" ")(d) }},
	{name: "htm of another method", draft: func(d *draft) { claim("htm", otherThan(d.proof.Method, "PUT", "PATCH"))(d) }},
	{name: "htm twice", draft: func(d *draft) { d.claims = twice(d.claims, "htm") }},
	{name: "htm of another method, then the right one", draft: func(d *draft) {
		claim("htm", duplicate("htm", otherThan(d.proof.Method, "PUT", "PATCH"), d.proof.Method))(d)
	}},
	{name: "HTM for htm", draft: func(d *draft) { d.claims = renamed(d.claims, "htm", "HTM") }},

	{name: "htu missing", draft: claim("htu", Remove)},
	{name: "htu null", draft: claim("htu", nil)},
	{name: "htu empty", draft: claim("htu", "")},
	{name: "htu number", draft: claim("htu", 1)},
	{name: "htu array", draft: func(d *draft) { claim("htu", []string{d.proof.URL})(d) }},
	{name: "htu with another scheme", draft: htu(func(u *url.URL) { u.Scheme = otherThan(u.Scheme, "https", "http") })},
	{name: "htu with another host", draft: htu(func(u *url.URL) { u.Host = "other." + u.Host })},
	{name: "htu with a host that begins the same", draft: htu(func(u *url.URL) { u.Host = withPort(u.Hostname()+".attacker.test", u.Port()) })},
	{name: "htu with another port", draft: htu(func(u *url.URL) { u.Host = withPort(u.Hostname(), otherThan(u.Port(), "8443", "8444")) })},
	{name: "htu with userinfo", draft: htu(func(u *url.URL) { u.User = url.User("user") })},
	{name: "htu with another path", draft: htu(func(u *url.URL) { u.Path, u.RawPath = "/other"+u.Path, "" })},
	{name: "htu with a longer path", draft: htu(func(u *url.URL) { u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/")+"/x", "" })},
	{name: "htu with the path in other case", draft: htu(func(u *url.URL) { u.Path, u.RawPath = otherCase(u.Path), "" })},
	{name: "htu relative", draft: htu(func(u *url.URL) { u.Scheme, u.Host, u.User = "", "", nil })},
	{name: "htu without scheme", draft: htu(func(u *url.URL) { u.Scheme = "" })},
	{name: "htu without host", draft: htu(func(u *url.URL) { u.Host = "" })},
	{name: "htu the host only", draft: func(d *draft) { claim("htu", parsedHTU(d).Host)(d) }},
	{name: "htu not ASCII", draft: func(d *draft) { claim("htu", d.proof.URL+"é")(d) }},
	{name: "htu with a space", draft: func(d *draft) { claim("htu", " "+d.proof.URL)(d) }},
	{name: "htu with a line break", draft: func(d *draft) { claim("htu", d.proof.URL+"\n")(d) }},
	{name: "htu with an invalid escape", draft: func(d *draft) { claim("htu", d.proof.URL+"%zz")(d) }},
	{name: "htu with a backslash", draft: func(d *draft) { claim("htu", strings.Replace(d.proof.URL, "://", `:\\`, 1))(d) }},
	{name: "htu twice", draft: func(d *draft) { d.claims = twice(d.claims, "htu") }},
	{name: "htu of another host, then the right one", draft: func(d *draft) {
		claim("htu", duplicate("htu", "https://attacker.test/", d.proof.URL))(d)
	}},
	{name: "htu, then HTU of another host", draft: claim("HTU", "https://attacker.test/")},
	{name: "HTU for htu", draft: func(d *draft) { d.claims = renamed(d.claims, "htu", "HTU") }},
}

// ath replaces the hash of the token. A proof without a token has no "ath".
func ath(value func(token string) any) func(*draft) {
	return func(d *draft) {
		if d.proof.Token == "" {
			panic("resourcetest: a fault of ath requires Proof.Token")
		}
		claim("ath", value(d.proof.Token))(d)
	}
}

// htu changes the URL.
func htu(change func(*url.URL)) func(*draft) {
	return func(d *draft) {
		u := parsedHTU(d)
		change(u)
		claim("htu", u.String())(d)
	}
}

func parsedHTU(d *draft) *url.URL {
	u, err := url.Parse(d.proof.URL)
	if err != nil || u.Host == "" {
		panic(fmt.Sprintf("resourcetest: Proof.URL %q is not an absolute URL", d.proof.URL))
	}
	return u
}

func withPort(host, port string) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port == "" {
		return host
	}
	return host + ":" + port
}

// otherThan returns the first value, or the second one if value is the first one.
func otherThan(value, first, second string) string {
	if value == first {
		return second
	}
	return first
}

// otherCase returns the path in upper case, or in lower case, or with a letter if it has none.
func otherCase(path string) string {
	switch upper, lower := strings.ToUpper(path), strings.ToLower(path); path {
	case upper:
		if lower == path {
			return path + "A"
		}
		return lower
	default:
		return upper
	}
}
