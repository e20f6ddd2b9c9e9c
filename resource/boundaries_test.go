package resource_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// With rules, the body of every request is read whose method is not GET, HEAD, DELETE or
// OPTIONS: a server may treat any other method like POST.
func TestMethodsWhoseBodiesAreRead(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Operations.Tools = map[string][]string{"delete": {"admin"}}
	})
	token := f.token(resourcetest.Token{Scope: "read"})
	for _, row := range []struct {
		method string
		read   bool
	}{
		{"GET", false}, {"HEAD", false}, {"DELETE", false}, {"OPTIONS", false},
		{"POST", true}, {"PUT", true}, {"PATCH", true}, {"CONNECT", true}, {"TRACE", true}, {"PROPFIND", true}, {"QUERY", true}, {"post", true}, {"get", true},
	} {
		for _, body := range []string{rpcCall("tools/call", `{"name":"delete"}`), "not JSON"} {
			req := httptest.NewRequest(http.MethodPost, identifier, strings.NewReader(body))
			req.Method = row.method
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Authorization", "Bearer "+token)
			decision, refusal := f.res.Authenticate(req)
			if (refusal != nil) != row.read {
				t.Errorf("%s with %s: got %v, want the body to be read: %t", row.method, body, refusal, row.read)
			}
			if refusal == nil {
				decision.Done()
				if rest, err := io.ReadAll(decision.Request.Body); string(rest) != body || err != nil {
					t.Errorf("%s: the handler gets %q, %v", row.method, rest, err)
				}
			}
		}
	}
}

// Two concurrent verifications of the same token cache it once: its bytes are counted once.
func TestCacheCountsConcurrentVerificationsOnce(t *testing.T) {
	bytesAfter := func(concurrent int) (metrics string) {
		issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer issuer.Close()
		synctest.Test(t, func(t *testing.T) {
			verifier := stubVerifier{"https://opaque.example.test", func(context.Context, *resource.Token) (*resource.Claims, error) {
				time.Sleep(time.Second)
				return validClaims("alice", "read"), nil
			}}
			f := newFixtureWith(t, issuer, func(c *resource.Config, _ *jwks.Config) { c.Opaque = &resource.Issuer{Verifier: verifier} })
			for range concurrent {
				go f.bearer("opaque-token")
			}
			time.Sleep(time.Minute)
			for line := range strings.Lines(f.metrics()) {
				if strings.HasPrefix(line, "warder_remembered_bytes") || strings.HasPrefix(line, "warder_remembered_entries") {
					metrics += line
				}
			}
		})
		return metrics
	}
	if one, five := bytesAfter(1), bytesAfter(5); one != five || !strings.Contains(one, "warder_remembered_entries{resource=\""+identifier+"\"} 1\n") {
		t.Errorf("after one verification:\n%safter five:\n%s", one, five)
	}
}

// A stream ends when its token expires, but it is checked again after 100 ms at the soonest.
func TestStreamIsCheckedAfter100Milliseconds(t *testing.T) {
	for _, row := range []struct {
		name       string
		left, want time.Duration
	}{
		{"the token expires in a second", time.Second, time.Second},
		{"the token expires in 100 ms", 100 * time.Millisecond, 100 * time.Millisecond},
		{"the token expires in 1 ms", time.Millisecond, 100 * time.Millisecond},
	} {
		inBubble(t, func(c *resource.Config, _ *jwks.Config) { c.Limits.Leeway = -1 }, func(t *testing.T, f *fixture) {
			token := f.token(resourcetest.Token{IssuedAt: time.Now(), Lifetime: time.Minute})
			time.Sleep(time.Minute - row.left)
			opened := time.Now()
			s := f.open(getRequest(), token)
			time.Sleep(time.Minute)
			if got := s.lifetime(opened); got != row.want {
				t.Errorf("%s: the stream ended after %s, want %s", row.name, got, row.want)
			}
		})
	}
}

// A Requirement rejects a caller whose token has expired since the request was accepted.
func TestRequirementAfterExpiry(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, f *fixture) {
		accepted, err := f.res.Requirement()
		if err != nil {
			t.Fatal(err)
		}
		further, err := f.res.Requirement("read")
		if err != nil {
			t.Fatal(err)
		}
		req := httptest.NewRequest(http.MethodPost, identifier, nil)
		req.Header.Set("Authorization", "Bearer "+f.token(resourcetest.Token{IssuedAt: time.Now(), Lifetime: time.Minute, Scope: "read"}))
		decision, refusal := f.res.Authenticate(req)
		if refusal != nil {
			t.Fatal(refusal)
		}
		defer decision.Done()
		for _, row := range []struct {
			name   string
			wait   time.Duration
			reason resource.Reason
		}{
			{"accepted just now", 0, ""},
			{"the last nanosecond of the leeway", 90*time.Second - 1, ""},
			{"exp and the leeway have passed", 1, resource.ReasonExpired},
		} {
			time.Sleep(row.wait)
			for _, requirement := range []*resource.Requirement{accepted, further} {
				var got resource.Reason
				if refusal := requirement.Check(decision.Request); refusal != nil {
					got = refusal.Reason
				}
				if got != row.reason {
					t.Errorf("%s: got %q, want %q", row.name, got, row.reason)
				}
			}
		}
	})
}

// observedBody is an empty body that stores whether it was read.
type observedBody struct{ read *bool }

func (b observedBody) Read([]byte) (int, error) {
	*b.read = true
	return 0, io.EOF
}

// A request without credentials that announces more than 64 KiB is rejected before its body is
// read, also if operations are public.
func TestLargePublicRequestIsNotRead(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Operations.Public = []string{"tools/list"} })
	for _, row := range []struct {
		name string
		size int64
		read bool
	}{
		{"64 KiB", 64 << 10, true},
		{"one byte more", 64<<10 + 1, false},
	} {
		read := false
		req := httptest.NewRequest(http.MethodPost, identifier, observedBody{&read})
		req.Header.Set("Content-Type", "application/json")
		req.ContentLength = row.size
		if _, refusal := f.res.Authenticate(req); refusal == nil || refusal.Reason != resource.ReasonMissingCredentials || read != row.read {
			t.Errorf("%s: got %v and read %t, want %t", row.name, refusal, read, row.read)
		}
	}
}

// A stream ends at the expiry that was known, also if the issuer would now name a later one: its
// token had expired when it was checked. A later expiry that a check finds in time counts.
func TestStreamOfATokenWithALaterExpiry(t *testing.T) {
	for _, row := range []struct {
		name        string
		first, want time.Duration
	}{
		{"before the first check", 20 * time.Second, 20 * time.Second},
		{"at the time of the first check", 30 * time.Second, 30 * time.Second},
		{"after the first check, which finds a later one", 31 * time.Second, 90 * time.Second},
	} {
		v := new(scriptedVerifier)
		inBubble(t, func(c *resource.Config, k *jwks.Config) {
			useScriptedVerifier(v, nil)(c, k)
			c.Limits.Leeway, c.Limits.CacheTTL = -1, -1
		}, func(t *testing.T, f *fixture) {
			opened := time.Now()
			expiring := func(after time.Duration) {
				v.set(func() (*resource.Claims, error) {
					claims := validClaims("alice", "a")
					claims.Expiry = opened.Add(after)
					return claims, nil
				})
			}
			expiring(row.first)
			s := f.open(getRequest(), "opaque")
			expiring(90 * time.Second)
			time.Sleep(time.Hour)
			if got := s.lifetime(opened); got != row.want {
				t.Errorf("%s: the stream ended after %s, want %s", row.name, got, row.want)
			}
		})
	}
}

// An entry that is larger than the cache is not cached, and evicts no other entry.
func TestLargeEntryEvictsNothing(t *testing.T) {
	v := new(scriptedVerifier)
	f := newFixture(t, func(c *resource.Config, k *jwks.Config) {
		useScriptedVerifier(v, nil)(c, k)
		c.Limits.CacheEntries, c.Limits.CacheBytes = 100, 16<<10
	})
	figures := func() (entries, evictions string) {
		for line := range strings.Lines(f.metrics()) {
			if _, value, ok := strings.Cut(line, "warder_remembered_entries{resource=\""+identifier+"\"} "); ok {
				entries = strings.TrimSpace(value)
			}
			if _, value, ok := strings.Cut(line, "warder_remembered_evictions_total{resource=\""+identifier+"\"} "); ok {
				evictions = strings.TrimSpace(value)
			}
		}
		return entries, evictions
	}
	f.bearer("small")
	if entries, evictions := figures(); entries != "1" || evictions != "0" {
		t.Fatalf("got %s entries and %s evictions, want 1 and 0", entries, evictions)
	}
	scopes := []string{"a"}
	for n := range 900 {
		scopes = append(scopes, strconv.Itoa(n))
	}
	v.set(func() (*resource.Claims, error) { return validClaims("alice", scopes...), nil })
	if got := f.bearer("large"); got != accepted {
		t.Errorf("the large entry: got %+v", got)
	}
	if entries, evictions := figures(); entries != "1" || evictions != "0" {
		t.Errorf("after a large entry: got %s entries and %s evictions, want 1 and 0", entries, evictions)
	}
}
