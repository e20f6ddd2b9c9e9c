package interop_test

import (
	"fmt"
	"net/url"
	"strings"
)

const works = "works"

// A situation is a row of the table. Play returns works, or what came instead.
type situation struct {
	name         string
	registration string
	path         string
	target       target
	play         func(*scene) string
	stateless    bool     // the server holds no streams, whose end would have a client log in beside the call
	scopes       []string // told to a client without a token, in challenge and metadata; nil: mcp:read
}

// Rows of the table that are exceptions to some.
const (
	slashTooMany   = "URL typed with a slash too many"
	stepUp         = "step-up"
	stepUpRefresh  = "step-up, with a refresh token"
	stepUpDynamic  = "step-up, registered dynamically"
	allDynamic     = "all scopes at first, registered dynamically"
	endsForGood    = "token expires, no refresh token"
	refusedRefresh = "token refused, refresh token"
)

func situations(ttl int) []situation {
	no := false
	jwt := func(alg string) target { return target{Format: "jwt", Alg: alg} }
	short := target{Format: "jwt", TTL: ttl}
	unrefreshed := target{Format: "jwt", Refresh: &no}
	shortUnrefreshed := target{Format: "jwt", TTL: ttl, Refresh: &no}
	return []situation{
		{"registers dynamically", dynamic, "/mcp", jwt("RS256"), (*scene).login, false, nil},
		{"has a client ID metadata document", document, "/mcp", jwt("RS256"), (*scene).login, false, nil},
		{"is registered beforehand", known, "/mcp", jwt("RS256"), (*scene).login, false, nil},
		{"identifier without a path", known, "", jwt("RS256"), (*scene).login, false, nil},
		{"identifier with a deeper path", known, "/teams/blue/mcp", jwt("RS256"), (*scene).login, false, nil},
		{"identifier with a terminal slash", known, "/mcp/", jwt("RS256"), (*scene).login, false, nil},
		{slashTooMany, known, "/mcp", jwt("RS256"), (*scene).login, false, nil},
		{"JWT by PS256", known, "/mcp", jwt("PS256"), (*scene).login, false, nil},
		{"JWT by ES256", known, "/mcp", jwt("ES256"), (*scene).login, false, nil},
		{"JWT by EdDSA", known, "/mcp", jwt("EdDSA"), (*scene).login, false, nil},
		{"opaque token", known, "/mcp", target{Format: "opaque"}, (*scene).login, false, nil},
		{stepUp, known, "/mcp", unrefreshed, (*scene).stepUp, false, nil},
		{stepUpRefresh, known, "/mcp", jwt("RS256"), (*scene).stepUp, false, nil},
		{stepUpDynamic, dynamic, "/mcp", unrefreshed, (*scene).stepUp, false, nil},
		{allDynamic, dynamic, "/mcp", jwt("RS256"), (*scene).write, false, []string{"mcp:read", "mcp:write"}},
		{"token expires, refresh token", known, "/mcp", short, (*scene).expire, true, nil},
		{endsForGood, known, "/mcp", shortUnrefreshed, (*scene).expireForGood, true, nil},
		{refusedRefresh, known, "/mcp", jwt("RS256"), (*scene).refused, false, nil},
		{"token refused, no refresh token", known, "/mcp", unrefreshed, (*scene).refusedForGood, false, nil},
		{"keys rotate, then a refresh", known, "/mcp", short, (*scene).rotate, true, nil},
	}
}

// A scene is a situation with everybody in place.
type scene struct {
	provider *provider
	home     *home
	person   *person
	client   caller
}

func (p *provider) stage(prog program, s situation) *scene {
	p.t.Helper()
	h := p.newHome(p.t, s)
	u, err := url.Parse(h.url)
	if err != nil {
		p.t.Fatal(err)
	}
	v := visit{url: h.url, registration: s.registration, redirect: freeAddress(p.t) + "/oauth/callback", person: &person{}}
	if s.name == slashTooMany {
		v.url += "/"
	}
	metadata := map[string]any{
		"client_name": prog.name, "redirect_uris": []string{v.redirect}, "application_type": "native",
		"grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"},
		"token_endpoint_auth_method": "none",
	}
	switch s.registration {
	case known:
		v.clientID = "known-" + u.Port()
		metadata["client_id"] = v.clientID
		p.client(metadata)
	case document:
		v.clientID = "https://client.example/" + u.Port()
		metadata["client_id"] = v.clientID
		p.tell(map[string]any{"document": metadata})
	}
	return &scene{provider: p, home: h, person: v.person, client: prog.open(p.t, v)}
}

// call calls a tool and returns works if it ran with the scope wanted, the person
// having been needed so many times so far. With more scopes is as good.
func (s *scene) call(tool, scope string, visits int) string {
	text, err := s.client.call(tool)
	if err != nil {
		return tool + ": " + tidy(err.Error())
	}
	granted, ok := strings.CutPrefix(text, tool+" for alice with ")
	if !ok || !strings.Contains(" "+granted+" ", " "+scope+" ") {
		return fmt.Sprintf("%s: %s", tool, tidy(text))
	}
	if got := s.person.count(); got != visits {
		return fmt.Sprintf("%s: %d logins", tool, got)
	}
	return works
}

// login: from a bare URL to a tool's answer.
func (s *scene) login() string { return s.call("whoami", "mcp:read", 1) }

// stepUp: a tool takes a scope more, which the person grants.
func (s *scene) stepUp() string {
	if got := s.login(); got != works {
		return got
	}
	return s.call("write", "mcp:write", 2)
}

// write: the person has granted at first what the tool takes.
func (s *scene) write() string { return s.call("write", "mcp:write", 1) }

// expire: nobody is troubled by a token's end.
func (s *scene) expire() string { return s.end(1) }

// expireForGood: the person logs in anew.
func (s *scene) expireForGood() string { return s.end(2) }

func (s *scene) end(visits int) string {
	if got := s.login(); got != works {
		return got
	}
	s.outlive()
	return s.call("whoami", "mcp:read", visits)
}

// outlive waits for the end of the token, and makes those to come last.
func (s *scene) outlive() {
	lasting := s.home.target
	lasting.TTL = 0
	s.provider.resource(lasting)
	s.home.waitForEnd()
}

// refused: a token is good no more, before its time, and the client is told with a 401.
func (s *scene) refused() string { return s.refuse(1) }

func (s *scene) refusedForGood() string { return s.refuse(2) }

func (s *scene) refuse(visits int) string {
	if got := s.login(); got != works {
		return got
	}
	s.home.refuse()
	return s.call("whoami", "mcp:read", visits)
}

// rotate: the refreshed token is signed by a key that warder has not seen, the old keys
// are gone.
func (s *scene) rotate() string {
	if got := s.login(); got != works {
		return got
	}
	s.provider.tell(map[string]any{"rotate": true})
	s.provider.tell(map[string]any{"withdraw": true})
	s.outlive()
	return s.call("whoami", "mcp:read", 1)
}

// tidy makes one line of an error, without what differs from run to run.
func tidy(text string) string {
	text = addresses.ReplaceAllString(text, "HOST")
	if text = strings.Join(strings.Fields(text), " "); len(text) > 300 {
		text = text[:300] + "..."
	}
	return text
}
