package errorresponse_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/errorresponse"
)

func TestChallenges(t *testing.T) {
	invalid := errorresponse.Text{Code: "invalid_token", Description: "d"}
	bearer, both, dpop := errorresponse.Schemes{Bearer: true}, errorresponse.Schemes{Bearer: true, DPoP: "ES256 EdDSA"}, errorresponse.Schemes{DPoP: "ES256"}
	login := errorresponse.Text{Code: "c", Description: "d", Login: errorresponse.Login{ACRValues: "a b", MaxAge: 5}}
	const stepUp = `, error="c", error_description="d", acr_values="a b", max_age="5"`
	const pointer, fault = `resource_metadata="https://h/m"`, `, error="invalid_token", error_description="d"`
	for _, row := range []struct {
		name     string
		text     errorresponse.Text
		scopes   []string
		schemes  errorresponse.Schemes
		usedDPoP bool
		want     []string
	}{
		{"no error (RFC 6750 §3.1)", errorresponse.Text{Description: "d"}, nil, bearer, false, []string{`Bearer ` + pointer}},
		{"scopes", errorresponse.Text{}, []string{"a", "b"}, bearer, false, []string{`Bearer ` + pointer + `, scope="a b"`}},
		{"an error", invalid, []string{"a"}, bearer, false, []string{`Bearer ` + pointer + `, scope="a"` + fault}},
		{"two schemes, no error (RFC 9449 §7.2)", errorresponse.Text{}, []string{"a"}, both, false, []string{`Bearer ` + pointer + `, scope="a"`, `DPoP ` + pointer + `, scope="a", algs="ES256 EdDSA"`}},
		{"two schemes, Bearer was used: the error is there (RFC 9449 §7.2)", invalid, nil, both, false, []string{`Bearer ` + pointer + fault, `DPoP ` + pointer + `, algs="ES256 EdDSA"`}},
		{"two schemes, DPoP was used: the error is there (RFC 9449 §7.1)", invalid, nil, both, true, []string{`Bearer ` + pointer, `DPoP ` + pointer + fault + `, algs="ES256 EdDSA"`}},
		{"only DPoP, Bearer was used", invalid, nil, dpop, false, []string{`DPoP ` + pointer + fault + `, algs="ES256"`}},
		{"only Bearer, DPoP was used", invalid, nil, bearer, true, []string{`Bearer ` + pointer + fault}},
		{"a login (RFC 9470 §3)", login, []string{"s"}, bearer, false, []string{`Bearer ` + pointer + `, scope="s"` + stepUp}},
		{"a login, DPoP was used: it is with the error", login, []string{"s"}, both, true, []string{`Bearer ` + pointer + `, scope="s"`, `DPoP ` + pointer + `, scope="s"` + stepUp + `, algs="ES256 EdDSA"`}},
		{"only acr values", errorresponse.Text{Code: "c", Login: errorresponse.Login{ACRValues: "a"}}, nil, bearer, false, []string{`Bearer ` + pointer + `, error="c", error_description="", acr_values="a"`}},
	} {
		if got := row.text.Challenges("https://h/m", row.scopes, row.schemes, row.usedDPoP); !slices.Equal(got, row.want) {
			t.Errorf("%s:\n got %q\nwant %q", row.name, got, row.want)
		}
	}
}

func TestBody(t *testing.T) {
	invalid := errorresponse.Text{Code: "invalid_token", Description: "d", Advice: "Do x", RPC: 401}
	lacking := errorresponse.Text{Code: "insufficient_scope", Description: "d", Advice: "Grant", RPC: 403}
	login := errorresponse.Text{Code: "c", Description: "d", Advice: "Log in", RPC: 401, Login: errorresponse.Login{ACRValues: "a <b>", MaxAge: 5}}
	recent := errorresponse.Text{Code: "c", Description: "d", Advice: "Log in", RPC: 401, Login: errorresponse.Login{MaxAge: 5}}
	for _, row := range []struct {
		name string
		got  []byte
		want string
	}{
		{"an object without a code", errorresponse.Text{Description: "d"}.Object(), `{"error_description":"d"}`},
		{"an object with a code", invalid.Object(), `{"error":"invalid_token","error_description":"d"}`},
		{"no id: null (JSON-RPC 2.0, section 5)", errorresponse.Text{Description: "d", RPC: -32600}.RPCError(nil, []string{"a"}), `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"d"}}`},
		{"an id", errorresponse.Text{Description: "d", RPC: -32000}.RPCError([]byte(`"<&>"`), nil), `{"jsonrpc":"2.0","id":"\u003c\u0026\u003e","error":{"code":-32000,"message":"d"}}`},
		{"the last reserved code (JSON-RPC 2.0, section 5.1)", errorresponse.Text{Description: "d", RPC: -32768}.RPCError(nil, nil), `{"jsonrpc":"2.0","id":null,"error":{"code":-32768,"message":"d"}}`},
		{"a code of our own: data", errorresponse.Text{Description: "d", RPC: -31999}.RPCError(nil, nil), `{"jsonrpc":"2.0","id":null,"error":{"code":-31999,"message":"d","data":{"error_description":"d"}}}`},
		{"a code of our own, below the range", errorresponse.Text{Description: "d", RPC: -32769}.RPCError(nil, nil), `{"jsonrpc":"2.0","id":null,"error":{"code":-32769,"message":"d","data":{"error_description":"d"}}}`},
		{"advice and scopes", invalid.RPCError([]byte("7"), []string{"a", "b"}), `{"jsonrpc":"2.0","id":7,"error":{"code":401,"message":"d. Do x","data":{"error":"invalid_token","error_description":"d","scope":"a b"}}}`},
		{"missing scopes are in the message", lacking.RPCError(nil, []string{"a", "<b>"}), `{"jsonrpc":"2.0","id":null,"error":{"code":403,"message":"d. Grant: a \u003cb\u003e","data":{"error":"insufficient_scope","error_description":"d","scope":"a \u003cb\u003e"}}}`},
		{"an object with a login", login.Object(), `{"error":"c","error_description":"d","acr_values":"a \u003cb\u003e","max_age":5}`},
		{"a login", login.RPCError(nil, nil), `{"jsonrpc":"2.0","id":null,"error":{"code":401,"message":"d. Log in with acr_values=a \u003cb\u003e and max_age=5","data":{"error":"c","error_description":"d","acr_values":"a \u003cb\u003e","max_age":5}}}`},
		{"a login and scopes", recent.RPCError(nil, []string{"s", "<t>"}), `{"jsonrpc":"2.0","id":null,"error":{"code":401,"message":"d. Log in with max_age=5, and grant all of these scopes: s \u003ct\u003e","data":{"error":"c","error_description":"d","scope":"s \u003ct\u003e","max_age":5}}}`},
	} {
		if string(row.got) != row.want+"\n" || !json.Valid(row.got) {
			t.Errorf("%s:\n got %s\nwant %s", row.name, row.got, row.want)
		}
	}
}

func TestKeepChallenges(t *testing.T) {
	own := func(value string) bool { return strings.HasPrefix(value, "Bearer own") }
	both := http.Header{"Www-Authenticate": {"a"}, "WWW-AUTHENTICATE": {"b"}}
	if got := fmt.Sprint(errorresponse.Challenges(both), len(both), errorresponse.Challenges(nil)); got != "[a b] 2 []" {
		t.Errorf("Challenges: got %s", got)
	}
	for _, row := range []struct {
		name   string
		header http.Header
		want   string // kept, removed, header
	}{
		{"none", http.Header{"X": {"y"}}, "[] [] map[X:[y]]"},
		{"all", http.Header{"Www-Authenticate": {"Bearer own", "Bearer own 2"}}, "[Bearer own Bearer own 2] [] map[Www-Authenticate:[Bearer own Bearer own 2]]"},
		{"some, in any spelling (RFC 9110 §5.1)", http.Header{"WWW-Authenticate": {"Basic realm=x", "Bearer own"}, "www-authenticate": {"Negotiate abc"}}, "[Bearer own] [Basic Negotiate] map[Www-Authenticate:[Bearer own]]"},
		{"not any", http.Header{"Www-Authenticate": {"", "Bearer x, Bearer own"}}, "[] [ Bearer] map[]"},
	} {
		kept, removed := errorresponse.KeepChallenges(row.header, own)
		if got := fmt.Sprint(kept, removed, row.header); got != row.want {
			t.Errorf("%s: got %s, want %s", row.name, got, row.want)
		}
	}
}

func TestPutChallenges(t *testing.T) {
	for _, row := range []struct {
		name       string
		header     http.Header
		challenges []string
		want       string
	}{
		{"an empty header", http.Header{}, []string{"Bearer a"}, "map[Www-Authenticate:[Bearer a]]"},
		{"others follow in their order", http.Header{"Www-Authenticate": {"Basic", "DPoP"}}, []string{"Bearer a"}, "map[Www-Authenticate:[Bearer a Basic DPoP]]"},
		{"other spellings follow (RFC 9110 §5.1)", http.Header{"WWW-Authenticate": {"Basic"}, "www-authenticate": {"DPoP"}}, []string{"Bearer a"}, "map[Www-Authenticate:[Bearer a Basic DPoP]]"},
		{"no challenge twice", http.Header{"Www-Authenticate": {"Basic", "Bearer a"}}, []string{"Bearer a"}, "map[Www-Authenticate:[Bearer a Basic]]"},
		{"no challenges: the header stays", http.Header{"www-authenticate": {"Basic"}}, nil, "map[www-authenticate:[Basic]]"},
	} {
		for range 2 { // a second call changes nothing
			errorresponse.PutChallenges(row.header, row.challenges)
			if got := fmt.Sprint(row.header); got != row.want {
				t.Errorf("%s: got %s, want %s", row.name, got, row.want)
			}
		}
	}
}
