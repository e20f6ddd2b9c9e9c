package outbound_test

import (
	"slices"
	"testing"

	"github.com/warder-go/warder/internal/outbound"
)

func TestHosts(t *testing.T) {
	got := outbound.Hosts("https://as.example/keys", "", "https://as.example:8443", "https://[::1]:1/", "/keys", "%")
	if want := []string{"as.example", "as.example", "::1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
