package main

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// scenarioServer is a contender with its own key server.
type scenarioServer struct {
	keys    *keyServer
	handler http.Handler
	close   func()
}

// newScenarioServer starts a contender. Without signers the key server is down. It returns
// false if the contender does not start: some panic or block until they have keys.
func newScenarioServer(ctx context.Context, c contender, signers ...signer) (s scenarioServer, ok bool) {
	ctx, cancel := context.WithCancel(ctx)
	s.keys = newKeyServer(signers...)
	if len(signers) == 0 {
		s.keys.setBehavior(0, true)
	}
	s.close = func() { cancel(); go s.keys.Close() }
	made := make(chan http.Handler)
	go func() {
		defer func() {
			if recover() != nil {
				close(made)
			}
		}()
		made <- c.make(ctx, s.keys.URL, protectedHandler)
	}()
	select {
	case s.handler, ok = <-made:
	case <-time.After(scenarioTimeout):
	}
	if !ok {
		s.close()
	}
	return s, ok
}

// startedServer returns a contender that has loaded the issuer's key, and that key.
func startedServer(ctx context.Context, c contender) (scenarioServer, signer) {
	old := newSigner("ES256", "old")
	s, _ := newScenarioServer(ctx, c, old)
	s.accepts(old.token(1, 700))
	return s, old
}

// accepts sends a request with the token and reports whether it was accepted.
func (s scenarioServer) accepts(token string) bool {
	return serveStatus(s.handler, request(token)) == http.StatusOK
}

// acceptedAfter sends new tokens until one is accepted, and returns how long that took.
func (s scenarioServer) acceptedAfter(key signer) string {
	start := time.Now()
	for n := 0; time.Since(start) < scenarioTimeout; n++ {
		if s.accepts(key.sign(recentToken(n))) {
			return time.Since(start).Round(100 * time.Millisecond).String()
		}
		time.Sleep(50 * time.Millisecond) // the pause of a client
	}
	return fmt.Sprintf("not within %s", scenarioTimeout)
}

// unknownKidSender returns a function that sends the n-th token with an unknown kid.
func (s scenarioServer) unknownKidSender() func(n int) {
	unknown := newSigner("ES256", "unknown")
	return func(n int) {
		k := unknown
		k.kid = fmt.Sprintf("unknown-%d", n)
		s.accepts(k.token(n, 700))
	}
}

// recentToken returns the claims of a token issued in this second, as tokens signed with
// a new key are.
func recentToken(n int) claims {
	c := accessToken(n, 700)
	c["iat"] = time.Now().Unix()
	return c
}
