package resource_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// RFC 9449 §11.1: if a Resource is mounted twice and credentials are kept, the inner mount accepts the
// proof that the outer one has accepted for the same request. It accepts no other proof that was
// used before, and no proof that another Resource has accepted.
func TestProofBehindAnotherMount(t *testing.T) {
	keep := func(c *resource.Config, k *jwks.Config) {
		acceptDPoP(c, k)
		c.HTTP.KeepAuthorization = true
	}
	replays := &fakeReplays{seen: map[resource.ProofID]bool{}}
	share := func(c *resource.Config, k *jwks.Config) {
		keep(c, k)
		c.Credentials.DPoP.Replays = replays
	}
	f := newFixture(t, keep)
	first, second := newFixtureWith(t, f.issuer, share), newFixtureWith(t, f.issuer, share)
	key := resourcetest.NewProofKey("")
	token := f.token(resourcetest.Token{ProofKey: key})
	used := proof(key, token)
	f.expectProof("the first use", f.sendProof(used), provenAccepted)
	for _, row := range []struct {
		name         string
		outer, inner *resource.Resource
		proof        string // for the inner mount; "": the same
		want         int
	}{
		{"the same proof", f.res, f.res, "", 200},
		{"a new proof", f.res, f.res, proof(key, token).Header.Get("DPoP"), 200},
		{"a proof that was used before", f.res, f.res, used.Header.Get("DPoP"), 401},
		{"no proof", f.res, f.res, "none", 401},
		{"two Resources, each with its memory", newFixtureWith(t, f.issuer, keep).res, f.res, "", 200},
		{"two Resources with the same Replays", first.res, second.res, "", 401},
	} {
		between := func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if row.proof != "" {
					req = req.Clone(req.Context())
					req.Header.Set("DPoP", row.proof)
				}
				next.ServeHTTP(w, req)
			})
		}
		recorder := httptest.NewRecorder()
		nethttp.Middleware(row.outer)(between(nethttp.Middleware(row.inner)(f.inner))).ServeHTTP(recorder, proof(key, token))
		if recorder.Code != row.want {
			t.Errorf("%s: got %d, want %d", row.name, recorder.Code, row.want)
		}
	}
}
