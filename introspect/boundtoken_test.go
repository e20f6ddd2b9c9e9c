package introspect_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// RFC 9449 §6.2: the answer about a token that is bound to a key has the type DPoP and cnf. The
// token is accepted with a proof, whatever the type is.
func TestAnswersAboutBoundTokens(t *testing.T) {
	accept := func(c *resource.Config, _ *introspect.Config) { c.Credentials.DPoP.Tokens = resource.BindingAccepted }
	inBubble(t, accept, func(fx *fixture) {
		key := resourcetest.NewProofKey("")
		for _, row := range []struct {
			name   string
			kind   any // token_type
			proof  *resourcetest.ProofKey
			status int
		}{
			{"DPoP", "DPoP", key, 200},
			{"DPoP in lower case", "dpop", key, 200},
			{"Bearer", "Bearer", key, 200},
			{"no type", resourcetest.Remove, key, 200},
			{"a refresh token", "refresh_token", key, 401},
			{"a proof of another key", "DPoP", resourcetest.NewProofKey(""), 401},
			{"no proof", "DPoP", nil, 401},
		} {
			token := fx.token(resourcetest.Token{ProofKey: key, Claims: map[string]any{"token_type": row.kind}})
			for _, use := range []string{"first", "second"} {
				req := httptest.NewRequestWithContext(fx.Context(), http.MethodPost, identifier, nil)
				req.Header.Set("Authorization", "Bearer "+token)
				if row.proof != nil {
					row.proof.SetProof(req, token)
				}
				recorder := httptest.NewRecorder()
				fx.handler.ServeHTTP(recorder, req)
				if recorder.Code != row.status {
					fx.Errorf("%s, %s use: got %d, want %d", row.name, use, recorder.Code, row.status)
				}
			}
		}
	})
}
