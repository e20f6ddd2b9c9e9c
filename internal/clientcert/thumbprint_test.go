package clientcert_test

import (
	"io"
	"log"
	"testing"

	"github.com/warder-go/warder/internal/clientcert"
)

var discard = log.New(io.Discard, "", 0)

func TestEqual(t *testing.T) {
	var none clientcert.Thumbprint
	for _, row := range []struct {
		name string
		a, b clientcert.Thumbprint
		want bool
	}{
		{"the same", victim.thumbprint(), victim.thumbprint(), true},
		{"different", victim.thumbprint(), attacker.thumbprint(), false},
		{"one without a certificate", victim.thumbprint(), none, false},
		{"both without a certificate", none, none, false},
	} {
		if got := row.a.Equal(row.b); got != row.want || row.b.Equal(row.a) != got {
			t.Errorf("%s: got %v", row.name, got)
		}
	}
}
