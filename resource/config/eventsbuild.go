package config

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/revocation"
	"github.com/warder-go/warder/resource/securityevents"
)

const eventsBlock = "security_events"

// addSecurityEvents builds the receiver of events, and makes the resource look up its list. It is called after
// config.Config.Complete. If it adds a mistake, there can be no receiver.
func (b *builder) addSecurityEvents(c *resource.Config) {
	s := b.settings.SecurityEvents
	_, present := b.positions[eventsBlock]
	switch {
	case present && s == nil: // the decoder has added a mistake
		return
	case b.reloads && (s == nil) != (b.events == nil):
		b.addEvents("", "was added or removed; %s", needsRestart)
		return
	case s == nil:
		return
	case b.config.onlyResource:
		b.addEvents("", "config.Load does not return the handler of the events; the program must call config.New, and serve config.Live.SecurityEvents")
		return
	}
	before := b.mistakes.count()
	config := securityevents.Config{Audience: s.Audience, Revocations: b.eventList(c), TokenLifetime: b.eventLifetime(s, c.Limits.MaxLifetime),
		TokensHaveSession: s.TokensHaveSession, MaxAge: seconds(s.MaxAge), Leeway: seconds(s.Leeway), Logger: b.config.Logger}
	if issuer := b.issuerOf(eventsBlock, s.IssuerURL, "the events revoke", "events of many tenants are not supported"); issuer != nil {
		config.TokenIssuer, config.Keys = issuer.url, issuer.eventKeys(s)
	}
	value := b.setAuthorization(&config)
	if config.Keys != nil && b.mistakes.count() == before {
		b.makeReceiver(config, value)
	}
}

// addEvents adds a mistake about a key of security_events, or about the block itself.
func (b *builder) addEvents(key, format string, args ...any) {
	path := strings.TrimSuffix(join(eventsBlock, key), ".")
	b.mistakes.add(b.position(path), "%s: %s", path, fmt.Sprintf(format, args...))
}

// eventList returns the list that gets the revocations: that of shared_state, or else one in the
// memory of this process.
func (b *builder) eventList(c *resource.Config) *revocation.List {
	if list := b.shared.revocations(); list != nil {
		return list // setShared has set it
	}
	if c.Hooks.Revocations != nil { // the events would have no effect
		b.addEvents("", "config.Config.Complete of the program sets Hooks.Revocations; remove it there, and add other revocations to config.Live.Revocations")
	}
	if b.eventsList = b.events.revocations(); b.eventsList == nil {
		b.eventsList, _ = revocation.New(revocation.Config{Logger: b.config.Logger}) // without settings, it cannot fail
	}
	c.Hooks.Revocations = b.eventsList
	return b.eventsList
}

// eventLifetime returns the longest lifetime of tokens, or 0 for the default of package
// securityevents. Tokens would be valid again if their revocation ended before them.
func (b *builder) eventLifetime(s *SecurityEvents, limit time.Duration) time.Duration {
	if s.TokenLifetime == nil {
		return limit
	}
	lifetime := seconds(s.TokenLifetime)
	if lifetime < limit {
		b.addEvents("token_lifetime_seconds", "is less than max_token_lifetime_seconds, so a revoked token could be valid again; set it to at least %d", (limit+time.Second-1)/time.Second)
	}
	return lifetime
}

// eventKeys returns the keys of the events, or nil if it or keyVerifier has added a mistake.
func (i *issuerBuilder) eventKeys(s *SecurityEvents) *jwks.Verifier {
	switch {
	case s.JWKSURI != "":
	case s.TransmitterIssuer != "":
		i.addEvents("transmitter_issuer", "requires jwks_uri, the URL of its signing keys")
		return nil
	case i.issuer.IntrospectJWTs || i.issuer.TokenPrefix != "":
		i.addEvents("jwks_uri", "is missing; the tokens of the issuer are introspected, so it is required")
		return nil
	default:
		return i.keys
	}
	// The leniencies of the issuer, such as allow_http_issuer and key_uses, are for its tokens.
	c := jwks.Config{Issuer: cmp.Or(s.TransmitterIssuer, i.url), URL: string(s.JWKSURI), TLS: i.tls, Proxy: i.proxy, Transport: i.config.Transport, Logger: i.config.Logger}
	v, err := i.reuse(func() (resource.Verifier, error) { return jwks.New(c) }, "events", c.Issuer, c.URL, i.ca, string(i.issuer.ProxyURL))
	for _, mistake := range splitMistakes(err) {
		key, text := "jwks_uri", strings.TrimPrefix(mistake.Error(), "metadata: ")
		if !strings.HasPrefix(text, "URL ") {
			key = "transmitter_issuer"
		}
		i.addEvents(key, "%s", text)
	}
	keys, _ := v.(*jwks.Verifier)
	return keys
}

// setAuthorization sets the value that the sender must send, or its file, and returns the value.
// The receiver reads the file again, so a change of the file needs no reload. It is read here
// only to find mistakes.
func (b *builder) setAuthorization(c *securityevents.Config) (value string) {
	s := b.settings.SecurityEvents
	switch {
	case s.AuthorizationFile == "":
		c.Authorization = string(s.Authorization)
		return c.Authorization
	case s.Authorization != "":
		b.addEvents("authorization_file", "authorization is also set; set only one of them")
		return ""
	}
	c.AuthorizationFile = b.files.path(s.AuthorizationFile)
	value, err := b.files.readRotated(c.AuthorizationFile)
	b.secrets = append(b.secrets, Secret(value))
	if err != nil {
		b.addEvents("authorization_file", "%s", err)
	}
	return value
}

// eventKeyNames are the fields of securityevents.Config.
var eventKeyNames = []fieldKey{
	{field: "Keys", key: "transmitter_issuer"},
	{field: "Audience", key: "audience"},
	{field: "TokenLifetime", key: "token_lifetime_seconds"},
	{field: "Authorization", key: "authorization", either: []string{"authorization_file"}},
}

// makeReceiver makes the receiver, or takes the one in use if its settings are the same. value is
// that of the header field.
func (b *builder) makeReceiver(c securityevents.Config, value string) {
	checked := c
	checked.Authorization, checked.AuthorizationFile = value, ""
	_, err := securityevents.New(checked)
	for _, mistake := range splitMistakes(err) {
		if !b.addTranslated(eventsBlock, mistake.Error(), eventKeyNames) {
			b.addEvents("", "%s", mistake)
		}
	}
	if err != nil {
		return
	}
	settings := digest.Of(fmt.Sprintf("%#v", []any{c.Audience, c.TokenIssuer, c.TokenLifetime, c.TokensHaveSession, c.MaxAge, c.Leeway, c.Authorization, c.AuthorizationFile}))
	if b.events != nil {
		if b.receiver = b.events.current.Load(); b.receiver.keys == c.Keys && b.receiver.settings == settings {
			return
		}
	}
	made, err := securityevents.New(c)
	if err != nil {
		b.addEvents("", "%s", err)
		return
	}
	b.receiver = &receiver{made, c.Keys, settings}
}
