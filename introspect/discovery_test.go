package introspect_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

func discovered(_ *resource.Config, c *introspect.Config) { c.Endpoint = "" }

func (w *world) documents() int { return w.issuer.Count(resourcetest.Metadata) }

func TestDiscovery(t *testing.T) { // RFC 8414 §2
	inWorld(t, discovered, func(w *world) {
		statuses, _ := w.crowd(repeat(200, func(int) string { return w.token(resourcetest.Token{}) }))
		if statuses[200] != 200 || w.documents() != 1 {
			w.Errorf("got %s with %d documents, want 200×200 with 1", summary(statuses), w.documents())
		}
		time.Sleep(introspect.DiscoveryLifetime - time.Second)
		w.expect("within an hour", w.token(resourcetest.Token{}), 200, "")
		if w.documents() != 1 {
			w.Errorf("%d documents, want 1", w.documents())
		}
		// Then it is read again, which nobody waits for.
		w.issuer.Fail(resourcetest.Metadata, resourcetest.Failure{Hang: true})
		time.Sleep(time.Second)
		if got := w.expect("after an hour", w.token(resourcetest.Token{}), 200, ""); got.took != 20*time.Millisecond || w.documents() != 2 {
			w.Errorf("took %s with %d documents, want 20ms with 2", got.took, w.documents())
		}
		time.Sleep(5 * time.Second)
		before := w.documents()
		for range 60 { // the outage of the metadata lasts, introspection goes on
			w.expect("metadata is down", w.token(resourcetest.Token{}), 200, "")
			time.Sleep(time.Second)
		}
		if n := w.documents() - before; n < 1 || n > 6 { // up to three URLs each 30 s
			w.Errorf("%d requests for metadata in a minute", n)
		}
	})
}

func TestDiscoveryThatFails(t *testing.T) {
	for _, row := range []struct {
		name    string
		failure resourcetest.Failure
		members map[string]any
	}{
		{"500", resourcetest.Failure{Status: 500}, nil},
		{"refused", resourcetest.Failure{Refuse: true}, nil},
		{"HTML", resourcetest.LoginPage(), nil},
		{"redirect", resourcetest.Failure{Redirect: "https://other.example.test/"}, nil},
		{"another issuer", resourcetest.Failure{}, map[string]any{"issuer": "https://other.example.test"}},
		{"no endpoint", resourcetest.Failure{}, map[string]any{"introspection_endpoint": resourcetest.Remove}},
		{"endpoint over http", resourcetest.Failure{}, map[string]any{"introspection_endpoint": "http://auth.example.test/introspect"}},
		{"endpoint is null", resourcetest.Failure{}, map[string]any{"introspection_endpoint": nil}},
	} {
		t.Run(row.name, func(t *testing.T) {
			inWorld(t, discovered, func(w *world) {
				w.issuer.Fail(resourcetest.Metadata, row.failure)
				w.issuer.SetMetadata(row.members)
				w.expect("first", w.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionDiscovery)
				if w.res.Ready(w.Context()) == nil {
					w.Error("ready without an address")
				}
				if w.calls() != 0 {
					w.Errorf("%d calls", w.calls())
				}
				w.load(2 * time.Minute)
				if n := w.documents(); n > 40 { // the circuit holds back discovery too
					w.Errorf("%d requests for metadata in two minutes", n)
				}
				w.issuer.Reset(resourcetest.Metadata)
				w.issuer.SetMetadata(nil)
				time.Sleep(introspect.MaxCoolDown)
				w.expect("well again", w.token(resourcetest.Token{}), 200, "")
				if err := w.res.Ready(w.Context()); err != nil {
					w.Error(err)
				}
			})
		})
	}
}

func TestDiscoveryThatHangs(t *testing.T) {
	inWorld(t, discovered, func(w *world) {
		w.issuer.Fail(resourcetest.Metadata, resourcetest.Failure{Hang: true})
		if got := w.expect("first", w.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionDiscovery); got.took != introspect.DefaultTimeout {
			w.Errorf("took %s, want 5s", got.took)
		}
	})
}

// An endpoint that moves is found again, without a restart.
func TestEndpointThatMoves(t *testing.T) {
	inWorld(t, discovered, func(w *world) {
		other, err := resourcetest.NewIssuer(resourcetest.Config{Issuer: "https://elsewhere.example.test"})
		if err != nil {
			w.Fatal(err)
		}
		defer other.Close()
		moved := newWorld(w.T, w.issuer, func(_ *resource.Config, c *introspect.Config) {
			c.Endpoint, c.Transport = "", w.issuer.Transport(other)
		})
		moved.expect("before", w.token(resourcetest.Token{}), 200, "")
		w.fail(resourcetest.Failure{Status: http.StatusGone})
		w.issuer.SetMetadata(map[string]any{"introspection_endpoint": "https://elsewhere.example.test/introspect"})
		began := time.Now()
		for status := 0; status != 200; time.Sleep(100 * time.Millisecond) {
			status = moved.ask(other.OpaqueToken(resourcetest.Token{Claims: map[string]any{"iss": w.issuer.Identifier()}})).status
			if time.Since(began) > time.Minute {
				w.Fatal("the new address was not found within a minute")
			}
		}
		w.Logf("found after %s", time.Since(began))
		synctest.Wait()
	})
}
