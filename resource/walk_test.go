package resource_test

import (
	"testing"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
)

func TestSmoke(t *testing.T) {
	f := newFixture(t, nil)
	f.expect("good", f.bearer(f.token(resourcetest.Token{})), accepted)
	f.expect("none", f.ask(), bare)
	f.expect("expired", f.bearer(f.token(resourcetest.Token{Lifetime: -time.Hour, IssuedAt: time.Now().Add(-2 * time.Hour)})), expired)
	for _, fault := range resourcetest.Faults() {
		f.expect(string(fault), f.bearer(f.token(resourcetest.Token{Fault: fault})), invalid)
	}
}
