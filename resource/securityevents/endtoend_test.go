package securityevents_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
	"github.com/warder-go/warder/resource/revocation"
	"github.com/warder-go/warder/resource/securityevents"
)

const identifier = "https://mcp.example.test/mcp"

// server is a protected server, with a receiver that has the same keys and list.
type server struct {
	*fixture
	res *resource.Resource
}

func newServer(t *testing.T, issuer *resourcetest.Issuer) *server {
	t.Helper()
	list, err := revocation.New(revocation.Config{})
	if err != nil {
		t.Fatal(err)
	}
	keys := newKeys(t, issuer)
	s := &server{fixture: newFixtureOf(t, issuer, func(c *securityevents.Config) { c.Keys, c.Revocations = keys, list })}
	s.res, err = resource.New(resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: keys}},
		Hooks: resource.Hooks{Revocations: list}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// token returns an access token, which expires in an hour.
func (s *server) token(subject string, claims claims) string {
	return s.issuer.Token(resourcetest.Token{Audience: identifier, Subject: subject, Lifetime: time.Hour, Claims: claims})
}

func (s *server) request(ctx context.Context, token string) *http.Request {
	req := httptest.NewRequestWithContext(ctx, http.MethodGet, identifier, nil)
	req.Header.Set("Authorization", "Bearer "+token)
	return req
}

// accepts reports whether a token is accepted. Every rejection must say that it is revoked.
func (s *server) accepts(token string) bool {
	s.t.Helper()
	decision, refusal := s.res.Authenticate(s.request(context.Background(), token))
	if refusal == nil {
		decision.Done()
	} else if refusal.Status != http.StatusUnauthorized || refusal.Reason != resource.ReasonRevoked {
		s.t.Errorf("%d %s: %v", refusal.Status, refusal.Reason, refusal.Err)
	}
	return refusal == nil
}

// open opens a stream. ended is closed when the handler returns.
func (s *server) open(ctx context.Context, token string) (ended chan struct{}, cause *error) {
	ended, cause = make(chan struct{}), new(error)
	go func() {
		defer close(ended)
		nethttp.Middleware(s.res)(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			<-req.Context().Done()
			*cause = context.Cause(req.Context())
		})).ServeHTTP(httptest.NewRecorder(), s.request(ctx, token))
	}()
	synctest.Wait()
	return ended, cause
}

func hasEnded(stream chan struct{}) bool {
	select {
	case <-stream:
		return true
	default:
		return false
	}
}

// A pushed event revokes the tokens of its subject, ends their streams within 2 s, and affects nobody else.
// Tokens of a later login are accepted.
func TestPushedRevocation(t *testing.T) {
	for _, row := range []struct {
		name    string
		event   func(*server) resourcetest.SecurityEvent
		same    bool // the event is about a session, and another session of the user stays valid
		byToken bool // the event is about one token
	}{
		{name: "session-revoked for a user", event: func(s *server) resourcetest.SecurityEvent {
			return resourcetest.SecurityEvent{Subject: s.issuer.SubjectID("alice")}
		}},
		{name: "session-revoked as Keycloak sends it", event: func(s *server) resourcetest.SecurityEvent {
			return resourcetest.SecurityEvent{Subject: object{"format": "complex", "user": s.issuer.SubjectID("alice"), "session": opaque("s1")}}
		}},
		{name: "session-revoked for a session", same: true, event: func(*server) resourcetest.SecurityEvent {
			return resourcetest.SecurityEvent{Subject: object{"format": "complex", "session": opaque("s1")}}
		}},
		{name: "session-revoked for a token", same: true, byToken: true, event: func(s *server) resourcetest.SecurityEvent {
			return resourcetest.SecurityEvent{Subject: object{"format": "jwt_id", "iss": s.issuer.Identifier(), "jti": "t1"}}
		}},
		{name: "account-disabled", event: func(s *server) resourcetest.SecurityEvent {
			return resourcetest.SecurityEvent{Type: resourcetest.AccountDisabled, Subject: s.issuer.SubjectID("alice")}
		}},
	} {
		issuer := newIssuer(t)
		synctest.Test(t, func(t *testing.T) {
			s := newServer(t, issuer)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			alice := s.token("alice", claims{"sid": "s1", "jti": "t1"})
			elsewhere, bob := s.token("alice", claims{"sid": "s2", "jti": "t2"}), s.token("bob", claims{"sid": "s3", "jti": "t3"})
			stream, cause := s.open(ctx, alice)
			bobs, _ := s.open(ctx, bob)
			if !s.accepts(alice) || !s.accepts(elsewhere) || !s.accepts(bob) || hasEnded(stream) {
				t.Errorf("%s: rejected before the event", row.name)
			}
			time.Sleep(10 * time.Second)
			if got := s.deliver(row.event(s)); got.status != 202 {
				t.Fatalf("%s: got %d %s", row.name, got.status, got.body)
			}
			if s.accepts(alice) || s.accepts(elsewhere) != row.same || !s.accepts(bob) {
				t.Errorf("%s: after the event: %v, other session %v, other user %v", row.name, s.accepts(alice), s.accepts(elsewhere), s.accepts(bob))
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if !hasEnded(stream) || !errors.Is(*cause, resource.ErrStreamEnded) {
				t.Errorf("%s: after 2 s, the stream has ended: %v (%v)", row.name, hasEnded(stream), *cause)
			}
			if hasEnded(bobs) {
				t.Errorf("%s: the stream of another user has ended", row.name)
			}
			if later := s.token("alice", claims{"sid": "s4"}); !s.accepts(later) {
				t.Errorf("%s: the token of a later login is rejected", row.name)
			}
			stop()
			synctest.Wait()
		})
	}
}

// An event that arrives late revokes the tokens that were issued before it occurred, and no others.
func TestLateEvent(t *testing.T) {
	issuer := newIssuer(t)
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, issuer)
		before := s.token("alice", nil)
		time.Sleep(time.Minute)
		event := s.issuer.SecurityEvent(resourcetest.SecurityEvent{Subject: s.issuer.SubjectID("alice")})
		time.Sleep(time.Minute)
		after := s.token("alice", nil)
		time.Sleep(20 * time.Minute)
		if got := s.push(event); got.status != 202 {
			t.Fatalf("got %d %s", got.status, got.body)
		}
		if s.accepts(before) || !s.accepts(after) {
			t.Errorf("before the event %v, after it %v", s.accepts(before), s.accepts(after))
		}
	})
}
