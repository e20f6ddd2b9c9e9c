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

// grant is one consent: what all tokens that come of it have in common.
type grant struct {
	client, subject   string
	scopes, resources []string
	revoked           bool
}

// record is what the server knows about one code or token.
type record struct {
	kind    recordKind
	grant   *grant
	expires time.Time
	revoked bool // access tokens; of the others the grant is
	used    bool // codes and refresh tokens work once

	reply               object // access tokens: the answer of introspection
	challenge, redirect string // codes
}

// store keeps clients and tokens in memory. Expired records go when their
// number has doubled.
type store struct {
	mu      sync.Mutex
	clients map[string]Client
	records map[string]*record
	prune   int
}

func (s *store) client(id string) (Client, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	client, ok := s.clients[id]
	return client, ok
}

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
			if old.ended() {
				delete(s.records, token)
			}
		}
		s.prune = 2 * len(s.records)
	}
	s.records[token] = r
}

// ended means now is at or after the expiry (RFC 7519 section 4.1.4).
func (r *record) ended() bool { return !time.Now().Before(r.expires) }

// take uses up a code or refresh token of a client, if check finds it fit for
// the request. One that comes a second time was stolen from somebody: its grant
// ends, with all tokens of it (RFC 6749 section 4.1.2, RFC 9700 section 4.14.2).
func (s *store) take(kind recordKind, token, client string, check func(*record) *oauthError) (*grant, *oauthError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[token]
	if r == nil || r.kind != kind || r.grant.client != client || r.grant.revoked || r.ended() {
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

// revoke needs s.mu.
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

// revokeFor revokes a client's own token. False: it is another client's.
func (s *store) revokeFor(client, token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.records[token]; r != nil && r.grant.client != client {
		return false
	}
	s.revoke(token)
	return true
}

// active returns the introspection answer for a living access token.
func (s *store) active(token string) (object, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[token]
	if r == nil || r.kind != accessKind || r.revoked || r.grant.revoked || r.ended() {
		return nil, false
	}
	return r.reply, true
}
