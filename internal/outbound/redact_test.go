package outbound_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/warder-go/warder/internal/outbound"
)

// A transport's error with the credentials of the request is replaced. Others are not.
func TestErrorsContainNoCredentials(t *testing.T) {
	for _, row := range []struct{ name, authorization, text, want string }{
		{"the token", "Bearer s3cret-token", "sent s3cret-token", "the transport's error is not shown, because it contains the credentials of the request"},
		{"the whole field", "Basic czNjcmV0", "Authorization: Basic czNjcmV0", "the transport's error is not shown, because it contains the credentials of the request"},
		{"something else", "Bearer s3cret-token", "no route", "no route"},
		{"no credentials", "", "no route", "no route"},
	} {
		transport := transportFunc(func(*http.Request) (*http.Response, error) { return nil, errors.New(row.text) })
		client := outbound.New(outbound.Config{Transport: transport})
		_, err := client.Get(t.Context(), "https://as.example/keys", http.Header{"Authorization": {row.authorization}})
		if want := `outbound: protocol: GET "https://as.example/keys": ` + row.want; err == nil || err.Error() != want {
			t.Errorf("%s (-want +got)\n- %s\n+ %v", row.name, want, err)
		}
	}
}
