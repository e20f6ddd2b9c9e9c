package resource_test

import (
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// RFC 8693 §4.1: the outermost act is the current actor.
func TestActors(t *testing.T) {
	deep := strings.Repeat(`{"sub":"x","act":`, 20) + `{"sub":"last"}` + strings.Repeat("}", 20)
	eight := make([]resource.Actor, 8)
	for n := range eight {
		eight[n].Subject = "x"
	}
	for _, row := range []struct {
		name string
		act  resourcetest.Raw
		want []resource.Actor
	}{
		{"no claim", resourcetest.Remove, nil},
		{"one actor", `{"sub":"mcp-server"}`, []resource.Actor{{Subject: "mcp-server"}}},
		{"two actors (RFC 8693 §4.1, figure 6)", `{"sub":"https://service16.example.com","act":{"sub":"https://service77.example.com"}}`,
			[]resource.Actor{{Subject: "https://service16.example.com"}, {Subject: "https://service77.example.com"}}},
		{"all members", `{"iss":"https://as","sub":"s","client_id":"c","x":[1]}`, []resource.Actor{{Issuer: "https://as", Subject: "s", ClientID: "c"}}},
		{"many actors", resourcetest.Raw(deep), eight},
		{"text", `"mcp-server"`, nil},
		{"null", `null`, nil},
		{"an empty object", `{}`, nil},
		{"a subject that is a number", `{"sub":1}`, nil},
		{"an earlier actor that cannot be read", `{"sub":"a","act":[]}`, []resource.Actor{{Subject: "a"}}},
		{"a duplicate member", `{"sub":"a","SUB":"b"}`, nil},
	} {
		f := newFixture(t, nil)
		var got []resource.Actor
		f.inner = func(w http.ResponseWriter, req *http.Request) {
			caller, _ := resource.FromContext(req.Context())
			got = caller.Actors()
			w.WriteHeader(http.StatusOK)
		}
		if a := f.bearer(f.token(resourcetest.Token{Claims: map[string]any{"act": row.act}})); a.status != http.StatusOK {
			t.Errorf("%s: got status %d: %s", row.name, a.status, f.log.take())
		}
		if !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s: got %+v, want %+v", row.name, got, row.want)
		}
	}
}
