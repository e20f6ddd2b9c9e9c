package errorresponse_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/warder-go/warder/internal/errorresponse"
)

func TestChallenge(t *testing.T) {
	for _, row := range []struct {
		name   string
		text   errorresponse.Text
		scopes []string
		want   string
	}{
		{"no error (RFC 6750 §3.1)", errorresponse.Text{Description: "d"}, nil, `Bearer resource_metadata="https://h/m"`},
		{"scopes", errorresponse.Text{}, []string{"a", "b"}, `Bearer resource_metadata="https://h/m", scope="a b"`},
		{"an error", errorresponse.Text{Code: "invalid_token", Description: "d"}, []string{"a"},
			`Bearer resource_metadata="https://h/m", scope="a", error="invalid_token", error_description="d"`},
	} {
		if got := row.text.Challenge("https://h/m", row.scopes); got != row.want {
			t.Errorf("%s:\n got %s\nwant %s", row.name, got, row.want)
		}
	}
}

func TestBody(t *testing.T) {
	for _, row := range []struct {
		name string
		got  []byte
		want string
	}{
		{"without a code", errorresponse.Text{Description: "d"}.Body(), `{"error_description":"d"}`},
		{"with a code", errorresponse.Text{Code: "c", Description: "d"}.Body(), `{"error":"c","error_description":"d"}`},
		{"a JSON-RPC error without an id", errorresponse.Text{Description: "d", RPC: -32600}.Body(), `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"d"}}`},
		{"a JSON-RPC error with an id", errorresponse.Text{Description: "d", RPC: -32600}.RPCBody([]byte(`"<&>"`)), `{"jsonrpc":"2.0","id":"\u003c\u0026\u003e","error":{"code":-32600,"message":"d"}}`},
	} {
		if string(row.got) != row.want+"\n" {
			t.Errorf("%s:\n got %s\nwant %s", row.name, row.got, row.want)
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
