package interop_test

import (
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/revocation"
	"github.com/warder-go/warder/resource/securityevents"
)

// pushAuthorization is the authorization_header of all streams.
const pushAuthorization = "Bearer 5f2b8a1c"

// eventLimit limits how long a test waits for an event. Keycloak repeats a failed delivery after 1,
// 5, 30 and 120 s.
const eventLimit = 5 * time.Minute

// startTransmitter starts Keycloak with its experimental transmitter of security events. It sends
// to a loopback address only with the first option. The second one shortens the interval of 30 s
// between deliveries.
func startTransmitter(t *testing.T) *keycloak {
	t.Helper()
	return startKeycloak(t, "--features=ssf", "--spi-ssf-transmitter--default--allow-insecure-push-targets=true",
		"--spi-ssf-transmitter--default--outbox-drainer-interval=500ms")
}

// An eventStream is a stream of security events of Keycloak, with the receiver, the list of
// revocations that it fills, and a server that uses the list.
type eventStream struct {
	t        *testing.T
	k        *keycloak
	client   string // the client ID of the receiver in Keycloak
	id       string // of the stream
	audience []string
	server   *protectedServer
	streams  string // URL of a server that answers with a stream that does not end
	config   securityevents.Config
	logged   *lockedBuffer // of the receiver

	mu         sync.Mutex // guards the fields below
	receiver   *securityevents.Receiver
	deliveries []delivery
}

// newEventStream creates a client with the attributes of a receiver, a stream, and a server. An
// empty value removes an attribute.
func (k *keycloak) newEventStream(t *testing.T, client string, attributes map[string]string, change func(*securityevents.Config)) *eventStream {
	t.Helper()
	s := &eventStream{t: t, k: k, client: client, logged: &lockedBuffer{}}
	endpoint := httptest.NewServer(s)
	t.Cleanup(endpoint.Close)
	all := map[string]string{"ssf.enabled": "true", "ssf.validPushUrls": endpoint.URL + "/*", "ssf.defaultSubjects": "ALL"}
	maps.Copy(all, attributes)
	maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
	k.admin(http.MethodPost, "/clients", map[string]any{"clientId": client, "secret": client + "-secret", "serviceAccountsEnabled": true, "standardFlowEnabled": false, "attributes": all})
	k.admin(http.MethodPost, "/ssf/clients/"+client+"/stream", pushTo(endpoint.URL+"/security-events"))
	var created struct {
		StreamID string   `json:"streamId"`
		Audience []string `json:"audience"`
	}
	k.read("/ssf/clients/"+client+"/stream", &created)
	s.id, s.audience = created.StreamID, created.Audience
	s.protect(t)
	if change != nil {
		change(&s.config)
	}
	s.restart()
	return s
}

// pushTo is the configuration of a stream.
func pushTo(url string) map[string]any {
	return map[string]any{"delivery": map[string]string{"method": "urn:ietf:rfc:8935", "endpoint_url": url, "authorization_header": pushAuthorization}}
}

// protect starts the servers, and makes the configuration of the receiver. They have the same keys.
func (s *eventStream) protect(t *testing.T) {
	t.Helper()
	keys, err := jwks.New(jwks.Config{Issuer: s.k.issuer, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	list, err := revocation.New(revocation.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s.server = newProtectedServer(t, resource.Config{Limits: resource.Limits{Leeway: -1},
		Issuers: []resource.Issuer{{Verifier: keys}}, Hooks: resource.Hooks{Revocations: list}})
	open := httptest.NewServer(nethttp.Handler(s.server.res, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-req.Context().Done()
	})))
	t.Cleanup(open.Close)
	s.streams = open.URL + "/mcp"
	s.config = securityevents.Config{Keys: keys, Audience: s.audience, Authorization: pushAuthorization, Revocations: list,
		Logger: slog.New(slog.NewJSONHandler(s.logged, nil))}
}

// restart replaces the receiver by one with the current configuration.
func (s *eventStream) restart() {
	s.t.Helper()
	receiver, err := securityevents.New(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.receiver = receiver
}

// open opens a stream with a token. ended gets the time when the server ended it.
func (s *eventStream) open(token string) (ended chan time.Time) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.streams, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: stream: %d", s.client, res.StatusCode)
	}
	ended = make(chan time.Time, 1)
	go func() {
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		ended <- time.Now()
	}()
	return ended
}
