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

// withDiscovery configures a verifier that discovers the endpoint.
func withDiscovery(_ *resource.Config, c *introspect.Config) { c.Endpoint = "" }

// metadataRequests returns the number of requests for the metadata document.
func (fx *fixture) metadataRequests() int { return fx.issuer.Count(resourcetest.Metadata) }

func TestDiscovery(t *testing.T) { // RFC 8414 §2
	inBubble(t, withDiscovery, func(fx *fixture) {
		statuses, _ := fx.requestAll(repeat(200, func(int) string { return fx.token(resourcetest.Token{}) }))
		if statuses[200] != 200 || fx.metadataRequests() != 1 {
			fx.Errorf("got %s with %d metadata requests, want 200×200 with 1", summary(statuses), fx.metadataRequests())
		}
		time.Sleep(time.Hour - time.Second)
		fx.expect("within an hour", fx.token(resourcetest.Token{}), 200, "")
		if fx.metadataRequests() != 1 {
			fx.Errorf("got %d metadata requests, want 1", fx.metadataRequests())
		}
		// After an hour the metadata is read again, without delaying a request.
		fx.issuer.Fail(resourcetest.Metadata, resourcetest.Failure{Hang: true})
		time.Sleep(time.Second)
		if got := fx.expect("after an hour", fx.token(resourcetest.Token{}), 200, ""); got.took != 20*time.Millisecond || fx.metadataRequests() != 2 {
			fx.Errorf("took %s with %d metadata requests, want 20ms with 2", got.took, fx.metadataRequests())
		}
		time.Sleep(5 * time.Second)
		before := fx.metadataRequests()
		for range 60 { // introspection continues during the outage of the metadata
			fx.expect("metadata is down", fx.token(resourcetest.Token{}), 200, "")
			time.Sleep(time.Second)
		}
		if n := fx.metadataRequests() - before; n < 1 || n > 6 { // up to three URLs every 30 s
			fx.Errorf("got %d metadata requests in a minute, want 1 to 6", n)
		}
	})
}

func TestDiscoveryFails(t *testing.T) {
	for _, row := range []struct {
		name    string
		failure resourcetest.Failure
		members map[string]any
	}{
		{"status 500", resourcetest.Failure{Status: 500}, nil},
		{"connection refused", resourcetest.Failure{Refuse: true}, nil},
		{"HTML page", resourcetest.LoginPage(), nil},
		{"redirect", resourcetest.Failure{Redirect: "https://other.example.test/"}, nil},
		{"another issuer", resourcetest.Failure{}, map[string]any{"issuer": "https://other.example.test"}},
		{"no endpoint", resourcetest.Failure{}, map[string]any{"introspection_endpoint": resourcetest.Remove}},
		{"endpoint over http", resourcetest.Failure{}, map[string]any{"introspection_endpoint": "http://auth.example.test/introspect"}},
		{"endpoint is null", resourcetest.Failure{}, map[string]any{"introspection_endpoint": nil}},
		{"endpoint is empty", resourcetest.Failure{}, map[string]any{"introspection_endpoint": ""}},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, withDiscovery, func(fx *fixture) {
				fx.issuer.Fail(resourcetest.Metadata, row.failure)
				fx.issuer.SetMetadata(row.members)
				fx.expect("first", fx.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionDiscovery)
				if fx.res.Ready(fx.Context()) == nil {
					fx.Error("Ready returned nil without an endpoint")
				}
				if fx.calls() != 0 {
					fx.Errorf("got %d calls, want 0", fx.calls())
				}
				fx.requestPeriodically(2 * time.Minute)
				if n := fx.metadataRequests(); n > 40 { // the circuit breaker limits discovery too
					fx.Errorf("got %d metadata requests in two minutes, want at most 40", n)
				}
				fx.issuer.Reset(resourcetest.Metadata)
				fx.issuer.SetMetadata(nil)
				time.Sleep(30 * time.Second)
				fx.expect("after the outage", fx.token(resourcetest.Token{}), 200, "")
				if err := fx.res.Ready(fx.Context()); err != nil {
					fx.Error(err)
				}
			})
		})
	}
}

func TestDiscoveryHangs(t *testing.T) {
	inBubble(t, withDiscovery, func(fx *fixture) {
		fx.issuer.Fail(resourcetest.Metadata, resourcetest.Failure{Hang: true})
		if got := fx.expect("first", fx.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionDiscovery); got.took != 5*time.Second {
			fx.Errorf("took %s, want 5s", got.took)
		}
	})
}

// If the endpoint moves, discovery finds the new URL without a restart.
func TestEndpointMoves(t *testing.T) {
	inBubble(t, withDiscovery, func(fx *fixture) {
		other, err := resourcetest.NewIssuer(resourcetest.Config{Issuer: "https://elsewhere.example.test"})
		if err != nil {
			fx.Fatal(err)
		}
		defer other.Close()
		moved := newFixture(fx.T, fx.issuer, func(_ *resource.Config, c *introspect.Config) {
			c.Endpoint, c.Transport = "", fx.issuer.Transport(other)
		})
		moved.expect("before", fx.token(resourcetest.Token{}), 200, "")
		fx.endpointFails(resourcetest.Failure{Status: http.StatusGone})
		fx.issuer.SetMetadata(map[string]any{"introspection_endpoint": "https://elsewhere.example.test/introspect"})
		began := time.Now()
		for status := 0; status != 200; time.Sleep(100 * time.Millisecond) {
			status = moved.request(other.OpaqueToken(resourcetest.Token{Claims: map[string]any{"iss": fx.issuer.Identifier()}})).status
			if time.Since(began) > time.Minute {
				fx.Fatal("the new endpoint was not found within a minute")
			}
		}
		fx.Logf("new endpoint found after %s", time.Since(began))
		synctest.Wait()
	})
}

// Members of the metadata that are not used for introspection can have any value.
func TestOtherMembersOfTheMetadata(t *testing.T) {
	for name, value := range map[string]any{"null": nil, "empty": "", "a number": 1, "over http": "http://auth.example.test/jwks"} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, withDiscovery, func(fx *fixture) {
				fx.issuer.SetMetadata(map[string]any{"jwks_uri": value, "introspection_endpoint_auth_methods_supported": value})
				fx.expect("introspection", fx.token(resourcetest.Token{}), 200, "")
			})
		})
	}
}

// The metadata is read at MetadataURL only, and its issuer must be exactly the configured one (RFC
// 8414 §3.3). A name that is not an address is enough then.
func TestMetadataURL(t *testing.T) {
	const name, address = "sso.example.test", "https://auth.example.test/.well-known/oauth-authorization-server"
	for _, row := range []struct {
		name, address, issuer string // issuer is in the document
		status                int
		reason                resource.Reason
	}{
		{"the issuer of the document", address, name, 200, ""},
		{"another issuer", address, "https://auth.example.test", 503, resource.ReasonIntrospectionDiscovery},
		{"not found", "https://auth.example.test/elsewhere", name, 503, resource.ReasonIntrospectionDiscovery},
	} {
		inBubble(t, func(r *resource.Config, c *introspect.Config) {
			c.Issuer, c.Endpoint, c.MetadataURL = name, "", row.address
			r.Metadata.AuthorizationServers = []string{"https://login.example.test"}
		}, func(fx *fixture) {
			fx.issuer.SetMetadata(map[string]any{"issuer": row.issuer})
			fx.endpointAnswers(`{"active":true,"aud":"` + identifier + `","sub":"alice","token_type":"Bearer"}`)
			fx.expect(row.name, "opaque-token", row.status, row.reason)
		})
	}
}

// With an endpoint, the issuer is only a name: the iss of an answer must be equal to it.
func TestIssuerIsAName(t *testing.T) {
	const name = "http://adfs.example.test/adfs/services/trust"
	for iss, status := range map[string]int{"": 200, name: 200, name + "/": 401, "https://adfs.example.test/adfs/services/trust": 401} {
		inBubble(t, func(r *resource.Config, c *introspect.Config) {
			c.Issuer, r.Metadata.AuthorizationServers = name, []string{"https://login.example.test"}
		}, func(fx *fixture) {
			fx.endpointAnswers(`{"active":true,"iss":"` + iss + `","aud":"` + identifier + `","sub":"alice","token_type":"Bearer"}`)
			reason := resource.Reason("")
			if status != 200 {
				reason = resource.ReasonIssuerMismatch
			}
			fx.expect(iss, "opaque-token", status, reason)
			if n := fx.metadataRequests(); n != 0 {
				fx.Errorf("%s: %d requests for metadata", iss, n)
			}
		})
	}
}
