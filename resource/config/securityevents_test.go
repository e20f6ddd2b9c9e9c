package config_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/config"
)

const stream = "client/stream" // the aud of the events

// events returns lines with the required key of security_events and additional ones. They begin
// at line 4 of block.
func events(lines ...string) string {
	return "  security_events:\n    audience: [" + stream + "]" + strings.Join(append([]string{""}, lines...), "\n    ")
}

func TestMistakesOfSecurityEvents(t *testing.T) {
	dir := t.TempDir()
	lines, spaces := write(t, dir, "lines", "a\nb"), write(t, dir, "spaces", "Bearer s3cr3t \n")
	const at, after = "text:4: security_events.", "text:6: security_events."
	const second = "  additional_issuers: [{issuer_url: 'https://b.example', jwks_uri: 'https://b.example/k'}]\n"
	const tenants = "  tenant_pattern: https://t.example/{tenantid}\n  allowed_tenants: [a]\n  jwks_uri: https://t.example/k\n"
	const introspection = "  client_id: c\n  client_secret: secret\n"
	const keys = "jwks_uri: https://events.example/k"
	const field = ": cannot be the value of a header field: use visible ASCII, without spaces around it"
	for _, row := range []struct{ lines, want string }{
		{events(), ""},
		{"  security_events:", "text:4: security_events: is not a mapping of keys"},
		{"  security_events: {}", at + "audience: is missing"},
		{events("audiences: [a]"), after + "audiences: unknown key; did you mean audience?"},
		{strings.Replace(events(), "["+stream+"]", "[]", 1), "text:5: security_events.audience: empty; set the aud of the stream"},
		{strings.Replace(events(), "["+stream+"]", "[a, a]", 1), "text:5: security_events.audience[1]: duplicate"},
		{strings.Replace(events(), "["+stream+"]", "[a, '']", 1), "text:5: security_events.audience[1]: is empty; set a value or remove it"},
		{events("token_lifetime_seconds: 0"), after + "token_lifetime_seconds: must be a whole number from 1 to 31622400"},
		{events("max_age_seconds: 59"), after + "max_age_seconds: must be a whole number from 60 to 2592000"},
		{events("leeway_seconds: 901"), after + "leeway_seconds: must be a whole number from 1 to 900"},
		{events("tokens_have_session: yes"), after + "tokens_have_session: must be true or false, without quotes"},
		{events("token_lifetime_seconds: 31622400", "max_age_seconds: 2592000", "leeway_seconds: 900"), ""},
		{events("token_lifetime_seconds: 1", "max_age_seconds: 60", "leeway_seconds: 1"), ""},
		{"  max_token_lifetime_seconds: 3600\n" + events("token_lifetime_seconds: 3599"), "text:7: security_events.token_lifetime_seconds: is less than max_token_lifetime_seconds, so a revoked token could be valid again; set it to at least 3600"},
		{"  max_token_lifetime_seconds: 3600\n" + events("token_lifetime_seconds: 3600"), ""},
		{"  max_token_lifetime_seconds: 31622400\n" + events(), ""},
		{second + events(), "text:5: security_events.issuer_url: is missing; the file has several issuers, so name the one whose tokens the events revoke"},
		{second + events("issuer_url: https://b.example"), ""},
		{second + events("issuer_url: https://auth.example.com"), ""},
		{second + events("issuer_url: https://b.example/"), "text:7: security_events.issuer_url: is not the issuer_url of an issuer in this file; it must be equal, byte for byte"},
		{events("issuer_url: https://b.example"), after + "issuer_url: is not the issuer_url of an issuer in this file; it must be equal, byte for byte"},
		{events("issuer_url: [a]"), after + "issuer_url: is not a string"},
		{tenants + events(), "text:7: security_events.issuer_url: this issuer has tenant_pattern, and events of many tenants are not supported; name another issuer, or remove the block"},
		{tenants + events(keys), "text:7: security_events.issuer_url: this issuer has tenant_pattern, and events of many tenants are not supported; name another issuer, or remove the block"},
		{introspection + events(), ""},
		{introspection + "  introspect_jwts: true\n" + events(), "text:7: security_events.jwks_uri: is missing; the tokens of the issuer are introspected, so it is required"},
		{introspection + "  introspect_jwts: true\n" + events(keys), ""},
		{second + introspection + "  token_prefix: pat_\n" + events("issuer_url: https://auth.example.com"), "text:8: security_events.jwks_uri: is missing; the tokens of the issuer are introspected, so it is required"},
		{second + introspection + "  token_prefix: pat_\n" + events("issuer_url: https://auth.example.com", keys), ""},
		{strings.Replace(second, "b.example'", "auth.example.com'", 1) + introspection + "  token_prefix: pat_\n" + events("issuer_url: https://auth.example.com"), ""},
		{"  jwks_uri: x\n" + events(), `text:4: jwks_uri: URL "x": must be an absolute URL, such as https://host.example.com/path`},
		{events("transmitter_issuer: https://events.example"), after + "transmitter_issuer: requires jwks_uri, the URL of its signing keys"},
		{events("transmitter_issuer: https://events.example", keys), ""},
		{events("transmitter_issuer: 'https://events.example/{tenantid}'", keys), after + `transmitter_issuer: the issuer is the pattern "https://events.example/{tenantid}"; name one issuer`},
		{events("jwks_uri: http://events.example/k?code=S3cr3t"), after + `jwks_uri: URL "http://events.example/k?...": must begin with https://: http is for loopback hosts`},
		{"  allow_http_issuer: true\n" + events("jwks_uri: http://events.example/k"), `text:7: security_events.jwks_uri: URL "http://events.example/k": must begin with https://: http is for loopback hosts`},
		{events("authorization: Bearer x"), ""},
		{events("authorization: Bearer é"), after + "authorization" + field},
		{events("authorization: x", "authorization_file: "+spaces), "text:7: security_events.authorization_file: authorization is also set; set only one of them"},
		{events("authorization_file: " + spaces), after + "authorization_file" + field},
		{events("authorization_file: " + lines), after + `authorization_file: secret file "` + lines + `": has more than one line`},
		{events("authorization_file: /nowhere"), after + `authorization_file: secret file "/nowhere": no such file or directory`},
	} {
		if got := mistakesOf(t, textConfig(block(row.lines))); got != row.want {
			t.Errorf("%s\n got %s\nwant %s", row.lines, got, row.want)
		}
	}
}

// A program that does not serve the handler would receive no events, so Load rejects the block.
// Without the block, Live has no handler and no list.
func TestSecurityEventsNeedAHandler(t *testing.T) {
	const want = "a.yaml:4: security_events: config.Load does not return the handler of the events; the program must call config.New, and serve config.Live.SecurityEvents"
	res, err := config.Load(write(t, t.TempDir(), "a.yaml", block(events())))
	if res != nil || err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("Load: got %v, want %s", err, want)
	}
	live, err := config.New(textConfig(block()))
	if err != nil {
		t.Fatal(err)
	}
	if live.SecurityEvents() != nil || live.Revocations() != nil {
		t.Error("without the block, there is a handler or a list")
	}
}

// A program whose own revocations would replace the list gets an error: the events would have no effect.
func TestCompleteCannotReplaceTheList(t *testing.T) {
	const text = ": config.Config.Complete of the program sets Hooks.Revocations; "
	const own = "text:4: security_events" + text + "remove it there, and add other revocations to config.Live.Revocations"
	const shares = "text:6: shared_state.revocations" + text + "set this key to false, or remove it there"
	function := resource.RevocationFunc(func(context.Context, *resource.Caller) (bool, error) { return false, nil })
	for _, row := range []struct {
		name, lines string
		complete    func(*resource.Config)
		want        string
	}{
		{"other hooks", events(), func(c *resource.Config) { c.Hooks = resource.Hooks{} }, ""},
		{"a function", events(), func(c *resource.Config) { c.Hooks.Revocations = function }, own},
		{"a function, with a shared list", events() + "\n" + shared(), func(c *resource.Config) { c.Hooks.Revocations = function }, shares},
		{"a function, without a shared list", events() + "\n" + shared("revocations: false"), func(c *resource.Config) { c.Hooks.Revocations = function }, own},
	} {
		c := new(memory).config(block(row.lines))
		c.Complete = row.complete
		if got := mistakesOf(t, c); got != row.want {
			t.Errorf("%s:\n got %s\nwant %s", row.name, got, row.want)
		}
	}
}

// The value of the header field is in no output, wherever it comes from.
func TestAuthorizationOfEventsIsSecret(t *testing.T) {
	const secret = "S3cr3t-0f-the-stream"
	dir := t.TempDir()
	file, valid := write(t, dir, "secret", secret+"é\n"), write(t, dir, "valid", secret+"\n")
	for _, c := range []config.Config{
		textConfig(block(events("authorization: " + secret + "é"))),
		textConfig(block(events("authorization: [" + secret + "]"))),
		textConfig(block(events("authorization: {" + secret + ": x}"))),
		textConfig(block(events("authorization: " + secret + ": x"))),
		textConfig(block(events("authorization:" + secret))),
		textConfig(block(events("authorization: "+secret, "tokens_have_session: "+secret))),
		textConfig(block(events("authorization: "+secret), "  required_scopes: ['a "+secret+"']")), // the error quotes the scope
		textConfig(block(events("authorization_file: "+valid), "  required_scopes: ['a "+secret+"']")),
		textConfig(block(events("authorization_file: " + file))),
		textConfig(block(events("authorization_file: "+file, "max_age_seconds: "+secret))),
		textConfig(block(), `AUTHORIZATION__SECURITY_EVENTS={"audience": ["a"], "authorization": "`+secret+`é"}`),
	} {
		if got := mistakesOf(t, c); got == "" || strings.Contains(got, secret) {
			t.Errorf("%s\n got %q, want a mistake without the secret", c.Text, got)
		}
	}
	c := textConfig(block(), `AUTHORIZATION__SECURITY_EVENTS={"audience": ["a"], "authorization": "`+secret+`"}`)
	settings, err := config.Read(c)
	if err != nil || string(settings.SecurityEvents.Authorization) != secret || !slices.Equal(settings.SecurityEvents.Audience, []string{"a"}) {
		t.Fatalf("%v %v", settings.SecurityEvents, err)
	}
	live, err := config.New(c)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(settings)
	if err != nil || strings.Contains(string(encoded), secret) {
		t.Errorf("JSON: %s %v", encoded, err)
	}
	for _, value := range []any{settings, *settings.SecurityEvents, live, live.SecurityEvents(), live.Resource(), struct{ h any }{live.SecurityEvents()}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			if printed := fmt.Sprintf(verb, value); strings.Contains(printed, secret) || strings.Contains(printed, fmt.Sprintf("%x", secret)) {
				t.Errorf("%s of %T contains the secret", verb, value)
			}
		}
	}
}
