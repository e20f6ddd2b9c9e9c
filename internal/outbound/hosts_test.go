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

func TestHasHost(t *testing.T) {
	hosts := []string{"auth.internal", "172.20.0.1", "::1", "Trailing.example."}
	for host, want := range map[string]bool{
		"auth.internal": true, "AUTH.internal": true, "auth.internal.": true, "172.20.0.1": true, "::1": true, "0:0:0:0:0:0:0:1": true, "trailing.example": true,
		"": false, "internal": false, "x.auth.internal": false, "auth.internal.example": false, "172.20.0.10": false, "172.20.0.01": false,
	} {
		if got := outbound.HasHost(hosts, host); got != want {
			t.Errorf("%q: got %t, want %t", host, got, want)
		}
	}
	if outbound.HasHost(nil, "auth.internal") {
		t.Error("an empty list has a host")
	}
}
