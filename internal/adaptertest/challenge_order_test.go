package adaptertest_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// TestChallengesPrecedeOthers checks the order of the WWW-Authenticate values in a
// response. Many clients read only the first one, so the challenges of a refusal precede
// the values that other code has set. Those keep their own order.
func TestChallengesPrecedeOthers(t *testing.T) {
	const (
		unauthorized = pointer + `, scope="base"`
		insufficient = `, error="insufficient_scope", error_description="The access token lacks a scope that this request needs"`
		admin        = pointer + `, scope="base admin"` + insufficient
		late         = pointer + `, scope="base late"` + insufficient
		basic        = `Basic realm="outer"`
		negotiate    = "Negotiate"
	)
	onEachAdapter(t, func(t *testing.T, a adapter) {
		issuer := newIssuer(t)
		res := newResource(t, issuer, func(c *resource.Config) {
			allOutcomes(c)
			c.Operations.LateChallenges = true
		})
		var outer []string // set before the middleware runs
		protected := a.handler(res, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			w.Header().Add("WWW-Authenticate", "Digest") // part of the response that a late challenge replaces
			if req.Header.Get("Last-Event-Id") != "" {
				resource.Challenge(req.Context(), "late")
			}
		}))
		url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			for _, value := range outer {
				w.Header().Add("WWW-Authenticate", value)
			}
			protected.ServeHTTP(w, req)
		}))
		base := issuer.Token(resourcetest.Token{Audience: identifier, Scope: "base"})
		for _, row := range []struct {
			name, token, body string
			late              bool // the handler requests a challenge
			outer             []string
			status            int
			want              []string
		}{
			{"401, no other value", "", call("echo"), false, nil, 401, []string{unauthorized}},
			{"401, one other value", "", call("echo"), false, []string{basic}, 401, []string{unauthorized, basic}},
			{"401, two other values", "", call("echo"), false, []string{negotiate, basic}, 401, []string{unauthorized, negotiate, basic}},
			{"401, two other values in the reverse order", "", call("echo"), false, []string{basic, negotiate}, 401, []string{unauthorized, basic, negotiate}},
			{"401, two equal other values", "", call("echo"), false, []string{basic, basic}, 401, []string{unauthorized, basic, basic}},
			{"401, another Bearer challenge", "", call("echo"), false, []string{"Bearer"}, 401, []string{unauthorized, "Bearer"}},
			{"401, the same challenge is not repeated", "", call("echo"), false, []string{basic, unauthorized}, 401, []string{unauthorized, basic}},
			{"403 by a rule", base, call("delete"), false, []string{negotiate, basic}, 403, []string{admin, negotiate, basic}},
			{"403 requested by the handler", base, call("echo"), true, []string{negotiate, basic}, 403, []string{late, negotiate, basic}},
			{"400 without a challenge", base, "[", false, []string{negotiate, basic}, 400, []string{negotiate, basic}},
			{"503 without a challenge", "opaque", call("echo"), false, []string{negotiate, basic}, 503, []string{negotiate, basic}},
			{"accepted", base, call("echo"), false, []string{negotiate, basic}, 200, []string{negotiate, basic, "Digest"}},
		} {
			t.Run(row.name, func(t *testing.T) {
				outer = row.outer
				req := request(t, "POST", url+"/mcp", row.token, strings.NewReader(row.body))
				req.Header.Set("Content-Type", "application/json")
				if row.late {
					req.Header.Set("Last-Event-Id", "1")
				}
				response, _ := do(t, req)
				if got := response.Header.Values("WWW-Authenticate"); response.StatusCode != row.status || !slices.Equal(got, row.want) {
					t.Errorf("\n got %d %q\nwant %d %q", response.StatusCode, got, row.status, row.want)
				}
			})
		}
	})
}

func TestRequirePrecedesOthers(t *testing.T) {
	want := []string{pointer + `, scope="base admin", error="insufficient_scope", error_description="The access token lacks a scope that this request needs"`, "Basic"}
	onEachAdapter(t, func(t *testing.T, a adapter) {
		issuer := newIssuer(t)
		res := newResource(t, issuer, at(identifier, "base"))
		routes := a.routes(nil, map[string]route{"/mcp": {[]guard{{res: res}, {res, []string{"admin"}}}, http.HandlerFunc(whoami)}})
		url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("WWW-Authenticate", "Basic")
			routes.ServeHTTP(w, req)
		}))
		token := issuer.Token(resourcetest.Token{Audience: identifier, Scope: "base"})
		response, _ := do(t, request(t, "POST", url+"/mcp", token, nil))
		if got := response.Header.Values("WWW-Authenticate"); response.StatusCode != 403 || !slices.Equal(got, want) {
			t.Errorf("got %d %q, want 403 %q", response.StatusCode, got, want)
		}
	})
}

// TestChallengesPrecedeOtherSpellings uses names of the field that only code which assigns to the
// map of a header can produce. net/http sends them sorted by name.
func TestChallengesPrecedeOtherSpellings(t *testing.T) {
	want := []string{pointer, "Basic", "Negotiate"}
	onEachAdapter(t, func(t *testing.T, a adapter) {
		protected := a.handler(newResource(t, newIssuer(t), nil), http.HandlerFunc(whoami))
		for _, names := range [][2]string{{"Www-Authenticate", "WWW-Authenticate"}, {"Www-Authenticate", "www-authenticate"}, {"WWW-AUTHENTICATE", "wWW-Authenticate"}} {
			url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				w.Header()[names[0]], w.Header()[names[1]] = []string{"Basic"}, []string{"Negotiate"}
				protected.ServeHTTP(w, req)
			}))
			response, _ := do(t, request(t, "POST", url+"/mcp", "", nil))
			if got := response.Header.Values("WWW-Authenticate"); response.StatusCode != 401 || !slices.Equal(got, want) {
				t.Errorf("%q: got %d %q, want 401 %q", names, response.StatusCode, got, want)
			}
		}
	})
}

// TestSetHeaderOrder uses a refusal with two challenges, which no configuration produces.
func TestSetHeaderOrder(t *testing.T) {
	refusal := &resource.Refusal{Status: 401, Challenges: []string{"Bearer", `DPoP algs="ES256"`}}
	for _, row := range []struct {
		name         string
		before, want []string
	}{
		{"no other value", nil, []string{"Bearer", `DPoP algs="ES256"`}},
		{"other values", []string{"Negotiate", "Basic"}, []string{"Bearer", `DPoP algs="ES256"`, "Negotiate", "Basic"}},
		{"one challenge is set already", []string{"Basic", `DPoP algs="ES256"`}, []string{"Bearer", `DPoP algs="ES256"`, "Basic"}},
		{"both are set in the reverse order", []string{`DPoP algs="ES256"`, "Bearer"}, []string{"Bearer", `DPoP algs="ES256"`}},
	} {
		header := http.Header{}
		if row.before != nil {
			header["Www-Authenticate"] = slices.Clone(row.before)
		}
		for range 2 { // the second call must change nothing
			refusal.SetHeader(header)
			if got := header.Values("WWW-Authenticate"); !slices.Equal(got, row.want) {
				t.Errorf("%s: got %q, want %q", row.name, got, row.want)
			}
		}
	}
	if want := []string{"Bearer", `DPoP algs="ES256"`}; !slices.Equal(refusal.Challenges, want) {
		t.Errorf("SetHeader changed the refusal: got %q, want %q", refusal.Challenges, want)
	}
}
