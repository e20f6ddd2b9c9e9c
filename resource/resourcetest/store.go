package resourcetest

import (
	"sync"
	"time"
)

type recordKind int

const (
	codeKind recordKind = iota
	refreshKind
	accessKind
)

// grant is an authorization that a user or client gave. Its tokens share it.
type grant struct {
	client, subject   string
	scopes, resources []string
	details           []Raw // "authorization_details", or nil
	login             login
	revoked           bool
}

// record is the state of a code or token.
type record struct {
	kind    recordKind
	grant   *grant
	expires time.Time
	revoked bool // for access tokens; for codes and refresh tokens, the grant is revoked
	used    bool // for codes and refresh tokens, which can be used once

	reply               object // the introspection response, for access tokens
	challenge, redirect string // for codes
	thumbprint          string // of the DPoP key that can use the code or refresh token; "" is any or none
}

// store contains the clients and tokens. Expired records are removed when the number of records
// has doubled since the last time.
type store struct {
	mu      sync.Mutex
	clients map[string]Client
	records map[string]*record
	prune   int // the number of records at which to remove expired ones
}

func (s *store) client(id string) (Client, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	client, ok := s.clients[id]
	return client, ok
}

// register reports false if there are too many clients.
func (s *store) register(client Client) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.clients) >= maxClients {
		return false
	}
	s.clients[client.ID] = client
	return true
}

func (s *store) put(token string, r *record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.records == nil {
		s.records = make(map[string]*record)
	}
	if len(s.records) >= max(s.prune, 1024) {
		for token, old := range s.records {
			if old.expired() {
				delete(s.records, token)
			}
		}
		s.prune = 2 * len(s.records)
	}
	s.records[token] = r
}

// expired reports whether the time is at or after the expiry (RFC 7519 section 4.1.4).
func (r *record) expired() bool { return !time.Now().Before(r.expires) }

// redeem uses up a code or refresh token of a client if check returns nil. A code or token that
// is used a second time may be stolen, so its grant is revoked with all its tokens (RFC 6749
// section 4.1.2, RFC 9700 section 4.14.2).
func (s *store) redeem(kind recordKind, token, client string, check func(*record) *oauthError) (*grant, *oauthError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[token]
	if r == nil || r.kind != kind || r.grant.client != client || r.grant.revoked || r.expired() {
		return nil, errGrant
	}
	if r.used {
		r.grant.revoked = true
		return nil, errGrant
	}
	if err := check(r); err != nil {
		return nil, err
	}
	r.used = true
	return r.grant, nil
}

// revoke revokes an access token, or the grant of a refresh token or code. The caller holds
// s.mu.
func (s *store) revoke(token string) {
	r := s.records[token]
	switch {
	case r == nil:
	case r.kind == accessKind:
		r.revoked = true
	default:
		r.grant.revoked = true
	}
}

// revokeFor revokes a token of a client. It reports false if the token belongs to another client.
func (s *store) revokeFor(client, token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.records[token]; r != nil && r.grant.client != client {
		return false
	}
	s.revoke(token)
	return true
}

// active returns the introspection response for an access token that is neither expired nor
// revoked.
func (s *store) active(token string) (object, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[token]
	if r == nil || r.kind != accessKind || r.revoked || r.grant.revoked || r.expired() {
		return nil, false
	}
	return r.reply, true
}
