package resource_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// A login grows older while its token is cached. The last moment is max_age plus the leeway.
func TestLoginGrowsOld(t *testing.T) {
	for name, row := range map[string]struct {
		leeway, last time.Duration
	}{
		"the default leeway": {0, 5*time.Minute + 30*time.Second},
		"no leeway":          {-1, 5 * time.Minute},
		"a leeway":           {time.Minute, 6 * time.Minute},
	} {
		change := func(c *resource.Config, _ *jwks.Config) {
			c.Operations.Authentication.Tools = map[string]authentication{"deploy": maxAge(5 * time.Minute)}
			c.Limits.Leeway, c.Limits.CacheTTL = row.leeway, time.Hour
		}
		inBubble(t, change, func(t *testing.T, f *fixture) {
			token := f.token(resourcetest.Token{Lifetime: 2 * time.Hour, IssuedAt: time.Now(), Claims: claims{"auth_time": time.Now().Unix()}})
			caller := f.callerOf(token)
			call, op := rpcCall("tools/call", `{"name":"deploy"}`), resource.Operation{Method: "tools/call", Name: "deploy"}
			expect := func(when string, want answer) {
				t.Helper()
				f.expect(name+", "+when, f.post(token, call), want)
				f.expect(name+", "+when+", Permit", answerOfRefusal(f.res.Permit(t.Context(), caller, op)), want)
				if f.res.Offers(t.Context(), caller, op) != (want == accepted) {
					t.Errorf("%s, %s: Offers differs from Permit", name, when)
				}
			}
			expect("at first", accepted)
			time.Sleep(row.last)
			expect("at the last moment", accepted)
			time.Sleep(time.Nanosecond)
			expect("later", needsLogin("", "", 300))
			f.expect(name+", another tool", f.post(token, rpcCall("tools/call", `{"name":"echo"}`)), accepted)
		})
	}
}

// callerOf returns the caller of an accepted token.
func (f *fixture) callerOf(token string) *resource.Caller {
	f.t.Helper()
	d, refusal := f.res.Authenticate(getWith(token))
	if refusal != nil {
		f.t.Fatal(refusal.Err)
	}
	d.Done()
	return d.Caller
}

// A stream ends at the first check after the login has become too old: of every request, or of the
// operation of the stream.
func TestStreamsEndWithLogin(t *testing.T) {
	listen := func() *http.Request {
		req := httptest.NewRequest(http.MethodPost, identifier, strings.NewReader(rpcCall("subscriptions/listen", `{"notifications":{"resourceSubscriptions":["doc://private/a"]}}`)))
		req.Header.Set("Content-Type", "application/json")
		return req
	}
	const limit = 5 * time.Minute
	for name, row := range map[string]struct {
		change  func(*resource.Config)
		request func() *http.Request
		ends    bool
	}{
		"every request": {func(c *resource.Config) { c.Credentials.Authentication = maxAge(limit) }, getRequest, true},
		"the operation": {func(c *resource.Config) {
			c.Operations.Authentication.Resources = []resource.ResourceAuthentication{{Prefix: "doc://private/", Authentication: maxAge(limit)}}
		}, listen, true},
		"another operation": {func(c *resource.Config) {
			c.Operations.Authentication.Resources = []resource.ResourceAuthentication{{Prefix: "doc://other/", Authentication: maxAge(limit)}}
		}, listen, false},
	} {
		inBubble(t, func(c *resource.Config, _ *jwks.Config) { row.change(c); c.Limits.Leeway = 10 * time.Second }, func(t *testing.T, f *fixture) {
			opened := time.Now()
			s := f.open(row.request(), f.token(resourcetest.Token{Lifetime: time.Hour, IssuedAt: opened, Claims: claims{"auth_time": opened.Unix()}}))
			defer s.disconnect()
			time.Sleep(20 * time.Minute)
			synctest.Wait()
			want, cause := time.Duration(-1), "<nil>"
			if row.ends {
				want, cause = limit+streamCheckInterval, "resource: stream ended: its token is no longer valid: insufficient_authentication"
			}
			if got := s.lifetime(opened); got != want || fmt.Sprint(s.cause) != cause {
				t.Errorf("%s: the stream was open for %s, want %s; cause %v", name, got, want, s.cause)
			}
		})
	}
}

// Replace applies the logins of the new configuration to tokens and streams of before, also if that
// configuration needed no login.
func TestReplaceOfLogins(t *testing.T) {
	f := newFixture(t, nil)
	verifier, err := jwks.New(jwks.Config{Issuer: f.issuer.Identifier(), Transport: f.issuer.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	gold, silver := f.tokenWithClaims(claims{"acr": "gold"}), f.tokenWithClaims(claims{"acr": "silver"})
	values := []string{"gold"}
	for n, row := range []struct {
		change       func(*resource.Config)
		gold, silver answer
	}{
		{func(*resource.Config) {}, accepted, accepted},
		{func(c *resource.Config) { c.Credentials.Authentication = acr(values...) }, accepted, needsLogin("", "gold", 0)},
		{func(c *resource.Config) { c.Credentials.Authentication = acr("silver") }, needsLogin("", "silver", 0), accepted},
		{func(c *resource.Config) {
			c.Operations.Authentication.Methods = map[string]authentication{"ping": acr(values...)}
		}, accepted, needsLogin("", "gold", 0)},
		{func(*resource.Config) {}, accepted, accepted},
		{func(c *resource.Config) { c.Credentials.Authentication = maxAge(time.Minute) }, needsLogin("", "", 60), needsLogin("", "", 60)},
	} {
		config := resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: verifier}}, Logger: slog.New(slog.DiscardHandler)}
		row.change(&config)
		next := newResource(t, config)
		values[0] = "changed by the program" // has no effect after New
		if err := f.res.Replace(next); err != nil {
			t.Fatal(err)
		}
		values[0] = "gold"
		for range 2 {
			f.expect(fmt.Sprint("gold in step ", n), f.post(gold, rpcCall("ping", `{}`)), row.gold)
			f.expect(fmt.Sprint("silver in step ", n), f.post(silver, rpcCall("ping", `{}`)), row.silver)
		}
	}
	inBubble(t, nil, func(t *testing.T, f *fixture) {
		opened := time.Now()
		weak := f.open(getRequest(), f.token(resourcetest.Token{Lifetime: time.Hour, IssuedAt: opened}))
		strong := f.open(getRequest(), f.token(resourcetest.Token{Lifetime: time.Hour, IssuedAt: opened, Claims: claims{"acr": "gold"}}))
		defer strong.disconnect()
		if err := f.res.Replace(newFixtureWith(t, f.issuer, requireLogin(acr("gold"))).res); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if got := weak.lifetime(opened); got != streamCheckInterval || strong.ended() {
			t.Errorf("the stream without the login was open for %s, want %s; the other has ended: %v", got, streamCheckInterval, strong.ended())
		}
	})
}

// The log has what was found and what was expected. The event has the scopes of the challenge.
func TestLoginInTheLogAndTheEvent(t *testing.T) {
	var events []resource.Event
	change := func(c *resource.Config, _ *jwks.Config) {
		c.Hooks.Observers = []resource.Observer{observerFunc(func(e resource.Event) { events = append(events, e) })}
		c.Operations.Authentication.Tools = map[string]authentication{
			"values": acr("gold", "silver"), "age": maxAge(time.Minute), "both": {[]string{"gold"}, time.Minute}, "silver": acr("silver"),
		}
		c.Operations.Tools = map[string][]string{"both": {"admin"}}
		c.Issuers[0].ClientTokens = &resource.ClientTokens{Claim: "gty", Value: "c"}
	}
	type record struct {
		Reason               resource.Reason
		Status               int
		Got, Want, Operation string
	}
	const age = "a login at most 1m0s ago, leeway 30s"
	inBubble(t, change, func(t *testing.T, f *fixture) {
		for _, row := range []struct {
			tools  string
			claims claims
			want   record
			needed []string
		}{
			{"values", claims{"acr": "br\u202eonze"}, record{"insufficient_authentication", 401, `acr "br\u202eonze"`, "acr gold or silver", "tools/call values"}, nil},
			{"values", claims{}, record{"insufficient_authentication", 401, "no acr", "acr gold or silver", "tools/call values"}, nil},
			{"age", claims{"auth_time": ago(time.Hour)}, record{"insufficient_authentication", 401, "a login 1h0m0s ago", age, "tools/call age"}, nil},
			{"age", claims{"auth_time": ago(-time.Hour)}, record{"insufficient_authentication", 401, "a login -1h0m0s ago", age, "tools/call age"}, nil},
			{"both", claims{"auth_time": "x", "acr": "gold"}, record{"insufficient_authentication", 401, `acr "gold", no auth_time`, "acr gold, " + age, "tools/call both"}, []string{"admin"}},
			{"both silver", claims{"acr": "gold", "scope": "admin"}, record{"authentication_unavailable", 403, `acr "gold", no auth_time`, "no acr value is enough for all rules that apply to the request", "tools/call both, tools/call silver"}, nil},
			{"values", claims{"gty": "c", "client_id": "ci"}, record{"authentication_unavailable", 403, "no acr", "acr gold or silver, of a user; the token belongs to a client", "tools/call values"}, nil},
		} {
			var calls []string
			for _, tool := range strings.Fields(row.tools) {
				calls = append(calls, rpcCall("tools/call", `{"name":"`+tool+`"}`))
			}
			events = nil
			f.log.take()
			f.post(f.tokenWithClaims(row.claims), "["+strings.Join(calls, ",")+"]")
			lines := strings.Split(strings.TrimSpace(f.log.take()), "\n")
			var got record
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &got); err != nil {
				t.Fatal(err)
			}
			if got != row.want {
				t.Errorf("%s:\n got %+v\nwant %+v", row.tools, got, row.want)
			}
			if len(events) != 1 || events[0].Reason != row.want.Reason || events[0].Status != row.want.Status || events[0].Result != "denied" ||
				events[0].Caller == nil || !slices.Equal(events[0].Needed, row.needed) {
				t.Errorf("%s: got events %+v", row.tools, events)
			}
		}
	})
}
