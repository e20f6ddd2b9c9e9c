package introspect

import (
	"context"
	"crypto/rand"
	"strings"

	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/internal/oauthendpoint"
)

// Trial is what a call to the introspection endpoint with a random token has shown.
type Trial struct {
	Endpoint string // its URL without the query; "" if it is not known
	Method   string // of client authentication, such as [ClientSecretBasic]
	Note     string // what is unusual about the form of our credentials; "" if nothing is
	Active   bool   // the endpoint reports the random token as active

	// Err is nil if the endpoint has accepted the credentials and rejected the token. Otherwise it
	// is the [*resource.Error] of Verify for such a response. It contains no secret.
	Err error
}

// Try calls the introspection endpoint with a random token, and returns what happened. It reads the
// metadata of the issuer first if the URL of the endpoint is in it. It is for reports, such as those
// of package resource/check: it does not use the circuit breaker, the queue and the caches, and must
// not be called for requests of clients. It panics if a function in Config does.
func (v *Verifier) Try(ctx context.Context) Trial {
	ctx, cancel := context.WithTimeout(ctx, v.timeout)
	defer cancel()
	t := Trial{Method: v.endpoint.Method()}
	endpoint, err := v.endpoint.FreshURL(ctx)
	if err != nil {
		t.Err = resourceError(oauthendpoint.DiscoveryFailure(err))
		return t
	}
	t.Endpoint = logging.RedactURL(endpoint)
	_, note, f := v.exchangeAt(ctx, endpoint, rand.Text(), nil)
	t.Note = strings.TrimPrefix(note, "; ")
	switch {
	case f == nil, f.Outcome == notAccessToken:
		t.Active = true
	case !definitive(f.Outcome):
		t.Err = resourceError(f)
	}
	return t
}
