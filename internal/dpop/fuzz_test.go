package dpop_test

import (
	"cmp"
	"net/url"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/dpop"
	"github.com/warder-go/warder/resource/resourcetest"
)

// FuzzNormalize checks that Normalize is idempotent, that package net/url reads the same scheme,
// host and port before and after, and that the path means the same there.
func FuzzNormalize(f *testing.F) {
	for _, seed := range []string{"https://h.test/a/../b?c#d", "HTTP://H:80//%7e%2F./..", "https://[::1]:443/;a=b", "https://u:p@h/", "https://h:/%2e%2E/", "https://h/%zz", "https://h\\evil/", "//h", "https://h/a/..//b/."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := dpop.Normalize(raw)
		if err != nil {
			if got != "" {
				t.Fatalf("%q: got %q with the error %v", raw, got, err)
			}
			return
		}
		checkNormal(t, raw, got)
	})
}

// checkNormal checks a normalized URL.
func checkNormal(t *testing.T, raw, got string) {
	t.Helper()
	if again, err := dpop.Normalize(got); again != got || err != nil {
		t.Fatalf("%q: got %q, again %q, error %v", raw, got, again, err)
	}
	before, after := parse(t, raw), parse(t, got)
	if after.User != nil || after.RawQuery != "" || after.Fragment != "" || strings.ContainsAny(got, "?#") {
		t.Fatalf("%q: got %q", raw, got)
	}
	if origin(before) != origin(after) || before.User != nil {
		t.Fatalf("%q: got %q: origin %q is not %q", raw, got, origin(after), origin(before))
	}
	if want, err := url.PathUnescape(cmp.Or(resolved(before.EscapedPath()), "/")); want != after.Path || err != nil {
		t.Fatalf("%q: got %q: path %q is not %q, error %v", raw, got, after.Path, want, err)
	}
	if !strings.HasPrefix(after.EscapedPath(), "/") || strings.Contains(after.EscapedPath()+"/", "/../") || strings.Contains(after.EscapedPath()+"/", "/./") {
		t.Fatalf("%q: got %q", raw, got)
	}
}

// parse reads a URL without its query and fragment, in which RFC 9449 allows any text.
func parse(t *testing.T, raw string) *url.URL {
	t.Helper()
	if end := strings.IndexAny(raw, "?#"); end >= 0 {
		raw = raw[:end]
	}
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatalf("%q: accepted, but not by net/url: %v", raw, err)
	}
	return u
}

func origin(u *url.URL) string {
	port := u.Port()
	if u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		port = ""
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// resolved is the algorithm of RFC 3986 §5.2.4, literally, for a path that begins with a slash.
func resolved(in string) string {
	in, out := strings.NewReplacer("%2e", ".", "%2E", ".").Replace(in), ""
	for in != "" {
		switch {
		case strings.HasPrefix(in, "/./"):
			in = in[2:]
		case in == "/.":
			in = "/"
		case strings.HasPrefix(in, "/../"):
			in, out = in[3:], out[:max(strings.LastIndexByte(out, '/'), 0)]
		case in == "/..":
			in, out = "/", out[:max(strings.LastIndexByte(out, '/'), 0)]
		default:
			end := strings.IndexByte(in[1:], '/') + 1
			if end == 0 {
				end = len(in)
			}
			in, out = in[end:], out+in[:end]
		}
	}
	return out
}

// FuzzCheck checks that a proof whose text was changed is not accepted.
func FuzzCheck(f *testing.F) {
	key := resourcetest.NewProofKey("")
	raw := key.Proof(valid)
	f.Add(uint16(0), "", byte(0))
	for _, at := range []uint16{1, 40, 300, 500, 65535} {
		f.Add(at, "A", byte(1))
		f.Add(at, "=", byte(0))
		f.Add(at, ".", byte(3))
	}
	checker, want := newChecker(f), expected(f, key)
	f.Fuzz(func(t *testing.T, at uint16, insert string, cut byte) {
		from := min(int(at), len(raw))
		changed := raw[:from] + insert + raw[min(from+int(cut), len(raw)):]
		if _, e := checker.Check(changed, want); (e == nil) != (changed == raw) {
			t.Fatalf("%q: got %v", changed, e)
		}
	})
}

// FuzzClaims checks that claims are accepted only if they have the expected values.
func FuzzClaims(f *testing.F) {
	key := resourcetest.NewProofKey("EdDSA")
	good := `{"jti":"a","htm":"POST","htu":"` + endpoint + `","iat":1700000000,"ath":"` + sum(token) + `"}`
	for _, seed := range []string{good, `{}`, `[]`, `null`, strings.Replace(good, "POST", "GET", 1), strings.Replace(good, "1700000000", "253402300799", 1),
		strings.Replace(good, `"jti":"a"`, `"jti":"a","jti":"a"`, 1), strings.Replace(good, "mcp.", "MCP.", 1), strings.Replace(good, "{", `{"nonce":"n",`, 1)} {
		f.Add([]byte(seed))
	}
	checker, want := newChecker(f), expected(f, key)
	f.Fuzz(func(t *testing.T, payload []byte) {
		if payload == nil {
			payload = []byte{}
		}
		p := valid
		p.RawPayload = payload
		got, e := checker.Check(key.Proof(p), want)
		if e != nil {
			return
		}
		claims := readClaims(t, payload)
		normal, err := dpop.Normalize(claims.HTU)
		age := want.Now.Unix() - claims.IAT
		if err != nil || normal != endpoint || claims.HTM != "POST" || claims.ATH != sum(token) || age > 60 || age < -60 ||
			claims.JTI == "" || len(claims.JTI) > 256 || claims.Nonce != got.Nonce || got.Until.Unix() != claims.IAT+61 {
			t.Fatalf("%s: accepted: %+v", payload, claims)
		}
	})
}
