package resource_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
	"github.com/warder-go/warder/resource/revocation"
)

// pushingStore is a revocation.Store in memory with one page.
type pushingStore struct {
	mu      sync.Mutex
	records []revocation.Record
	added   chan struct{} // closed by the next addition
}

func (s *pushingStore) Add(_ context.Context, records []revocation.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = append(s.records, records...)
	close(s.added)
	s.added = make(chan struct{})
	return nil
}

func (s *pushingStore) Read(_ context.Context, after int64) (revocation.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return revocation.Page{Data: "1", Records: s.records[after:], Last: int64(len(s.records))}, nil
}

func (s *pushingStore) Watch(ctx context.Context, notify func()) error {
	for {
		s.mu.Lock()
		added := s.added
		s.mu.Unlock()
		select {
		case <-added:
			notify()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// silentStore is a pushingStore that does not report additions.
type silentStore struct{ *pushingStore }

func (silentStore) Watch(ctx context.Context, _ func()) error {
	<-ctx.Done()
	return ctx.Err()
}

// newSharedList returns a list that runs until the test ends.
func newSharedList(t *testing.T, store revocation.Store) *revocation.List {
	t.Helper()
	list, err := revocation.New(revocation.Config{Store: store, Keys: [][]byte{[]byte("0123456789abcdef0123456789abcdef")}})
	if err != nil {
		t.Fatal(err)
	}
	go list.Run(t.Context())
	synctest.Wait()
	return list
}

// revokeSubject adds an entry for a subject.
func (f *fixture) revokeSubject(list *revocation.List, subject string) {
	f.t.Helper()
	if err := list.Add(f.t.Context(), revocation.Entry{Issuer: f.issuer.Identifier(), Subject: subject, Until: time.Now().Add(time.Hour)}); err != nil {
		f.t.Error(err)
	}
}

// openFor opens a stream of a subject.
func (f *fixture) openFor(subject string) *testStream {
	f.t.Helper()
	return f.open(getRequest(), f.issuer.Token(resourcetest.Token{Subject: subject}))
}

// expectEnd tests that a stream ended within a time after began, for a reason, and closes it. ""
// is for a stream that is still open.
func (f *fixture) expectEnd(name string, s *testStream, began time.Time, within time.Duration, reason string) {
	f.t.Helper()
	ended := s.ended()
	s.disconnect()
	<-s.done
	if ended != (reason != "") {
		f.t.Errorf("%s: ended is %v, want the reason %q", name, ended, reason)
		return
	}
	if took := s.endedAt.Sub(began); ended && (took > within || !strings.HasSuffix(s.cause.Error(), ": "+reason)) {
		f.t.Errorf("%s: ended after %s, %v, want within %s, %s", name, took, s.cause, within, reason)
	}
}

// The streams of a revoked subject end within two seconds, in the process that adds the entry and
// in those that share its store.
func TestStreamsOfRevokedSubjectEnd(t *testing.T) {
	for _, row := range []struct {
		name string
		of   func(*pushingStore) revocation.Store
	}{
		{"pushed", func(s *pushingStore) revocation.Store { return s }},
		{"polled", func(s *pushingStore) revocation.Store { return silentStore{s} }},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, func(c *resource.Config, _ *jwks.Config) {}, func(t *testing.T, f *fixture) {
				store := row.of(&pushingStore{added: make(chan struct{})})
				here, elsewhere := newSharedList(t, store), newSharedList(t, store)
				using := func(list *revocation.List) *fixture {
					return newFixtureWith(t, f.issuer, func(c *resource.Config, _ *jwks.Config) { c.Hooks.Revocations = list })
				}
				one, other := using(here), using(elsewhere)
				streams := map[*testStream]string{}
				for _, f := range []*fixture{one, other} {
					streams[f.openFor("alice")], streams[f.openFor("bob")] = "revoked", ""
				}
				time.Sleep(10*time.Second + 300*time.Millisecond)
				began := time.Now()
				f.revokeSubject(here, "alice")
				time.Sleep(2 * time.Second)
				synctest.Wait()
				for s, reason := range streams {
					f.expectEnd("a stream", s, began, 2*time.Second, reason)
				}
				if n := one.openStreams() + other.openStreams(); n != 0 {
					t.Errorf("%g streams are open", n)
				}
			})
		})
	}
}

// A token that is revoked after step 8 and before the stream watches does not escape.
func TestRevokedWhileStreamOpens(t *testing.T) {
	r := newRevocations()
	inBubble(t, r.use, func(t *testing.T, f *fixture) {
		r.inWatch = func() {
			r.set(func(r *fakeRevocations) { r.subjects["alice"], r.revision = true, r.revision+1 })
		}
		began := time.Now()
		s := startStream(nethttp.Middleware(f.res), getRequest(), f.issuer.Token(resourcetest.Token{}))
		synctest.Wait()
		f.expectEnd("a stream", s, began, 0, "revoked")
	})
}

// A stream stops watching when it ends, for whatever reason.
func TestStreamStopsWatching(t *testing.T) {
	for _, row := range []struct {
		name string
		end  func(*fakeRevocations, *testStream)
	}{
		{"the client disconnects", func(_ *fakeRevocations, s *testStream) { s.disconnect() }},
		{"the token is revoked", func(r *fakeRevocations, _ *testStream) { r.revoke("alice") }},
		{"the token expires", func(*fakeRevocations, *testStream) { time.Sleep(49 * time.Hour) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRevocations()
			inBubble(t, r.use, func(t *testing.T, f *fixture) {
				s := f.openFor("alice")
				time.Sleep(time.Minute)
				if r.watches != 1 || len(r.watching) != 1 {
					t.Errorf("watching %d times, %d now, want once", r.watches, len(r.watching))
				}
				row.end(r, s)
				<-s.done
				synctest.Wait()
				if r.stops != 1 || len(r.watching) != 0 || f.openStreams() != 0 {
					t.Errorf("stopped %d times, %d watching, %g open streams, want 1, 0, 0", r.stops, len(r.watching), f.openStreams())
				}
			})
		})
	}
}

// After Replace, a stream is notified by the new Revocations from its next regular check on, and
// no longer by the old ones.
func TestStreamWatchesNewRevocations(t *testing.T) {
	for _, row := range []struct {
		name   string
		after  time.Duration // from Replace to the revocation
		within time.Duration
	}{
		{"before the next check", time.Second, 29 * time.Second},
		{"after the next check", 45 * time.Second, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			before, after := newRevocations(), newRevocations()
			inBubble(t, before.use, func(t *testing.T, f *fixture) {
				alice, bob := f.openFor("alice"), f.openFor("bob")
				if err := f.res.Replace(newFixtureWith(t, f.issuer, after.use).res); err != nil {
					t.Fatal(err)
				}
				before.revoke("bob") // has no effect
				time.Sleep(row.after)
				began := time.Now()
				after.revoke("alice")
				time.Sleep(30 * time.Second)
				synctest.Wait()
				f.expectEnd("alice", alice, began, row.within, "revoked")
				if len(before.watching) != 0 || len(after.watching) != 1 {
					t.Errorf("%d streams watch the old Revocations and %d the new ones, want 0 and 1", len(before.watching), len(after.watching))
				}
				f.expectEnd("bob", bob, began, 0, "")
				if len(after.watching) != 0 {
					t.Errorf("%d streams still watch", len(after.watching))
				}
			})
		})
	}
}

// A stream whose token expires is checked by the Revocations that Replace brought, although their
// revision is the same.
func TestRevokedBeforeExpiryAfterReplace(t *testing.T) {
	before, after := newRevocations(), newRevocations()
	inBubble(t, before.use, func(t *testing.T, f *fixture) {
		began := time.Now()
		s := f.open(getRequest(), f.issuer.Token(resourcetest.Token{Lifetime: 10 * time.Second}))
		time.Sleep(35 * time.Second)
		if err := f.res.Replace(newFixtureWith(t, f.issuer, after.use).res); err != nil {
			t.Fatal(err)
		}
		after.set(func(r *fakeRevocations) { r.subjects["alice"] = true })
		time.Sleep(10 * time.Second)
		f.expectEnd("a stream", s, began, 41*time.Second, "revoked")
	})
}

// A panic in Watch ends the stream, and not the process.
func TestWatchPanics(t *testing.T) {
	panics := newRevocations()
	panics.inWatch = func() { panic("no") }
	inBubble(t, panics.use, func(t *testing.T, f *fixture) {
		began := time.Now()
		s := startStream(nethttp.Middleware(f.res), getRequest(), f.issuer.Token(resourcetest.Token{}))
		synctest.Wait()
		f.expectEnd("from the start", s, began, 0, "internal_error")
		if n := f.openStreams(); n != 0 {
			t.Errorf("%g streams are open", n)
		}
	})
	inBubble(t, newRevocations().use, func(t *testing.T, f *fixture) {
		s := f.openFor("alice")
		if err := f.res.Replace(newFixtureWith(t, f.issuer, panics.use).res); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		time.Sleep(time.Minute)
		f.expectEnd("after Replace", s, began, 30*time.Second, "internal_error")
	})
}

// stoppingRevocations return a stop function of the test.
type stoppingRevocations struct {
	*fakeRevocations
	stop func()
}

func (r *stoppingRevocations) Watch(changed func()) func() {
	_ = r.fakeRevocations.Watch(changed)
	return r.stop
}

// A stop function that panics or is nil does not end the process.
func TestStopPanics(t *testing.T) {
	for name, stop := range map[string]func(){"panics": func() { panic("no") }, "nil": nil} {
		r := &stoppingRevocations{newRevocations(), stop}
		inBubble(t, func(c *resource.Config, _ *jwks.Config) { c.Hooks.Revocations = r }, func(t *testing.T, f *fixture) {
			alice, bob := f.openFor("alice"), f.openFor("bob")
			began := time.Now()
			r.revoke("alice")
			synctest.Wait()
			f.expectEnd(name, alice, began, 0, "revoked")
			f.expectEnd(name, bob, began, 0, "")
		})
	}
}

// If it is not known which tokens are revoked, a stream ends at the second regular check.
func TestStreamDuringRevocationOutage(t *testing.T) {
	for _, row := range []struct {
		name   string
		outage time.Duration
		reason string
	}{
		{"short", 29 * time.Second, ""},
		{"long", time.Minute + time.Second, "revocations_unavailable"},
	} {
		r := newRevocations()
		inBubble(t, r.use, func(t *testing.T, f *fixture) {
			s := f.openFor("alice")
			time.Sleep(15 * time.Second)
			began := time.Now()
			r.set(func(r *fakeRevocations) { r.err, r.revision = context.DeadlineExceeded, 0 })
			r.revoke("bob") // notifications during the outage decide nothing
			r.revoke("carol")
			time.Sleep(row.outage)
			r.set(func(r *fakeRevocations) { r.err, r.revision = nil, 9 })
			time.Sleep(time.Minute)
			f.expectEnd(row.name, s, began, time.Minute, row.reason)
		})
	}
}

// countedList counts the calls of Revoked.
type countedList struct {
	*revocation.List
	calls atomic.Int64
}

func (l *countedList) Revoked(ctx context.Context, c *resource.Caller) (bool, error) {
	l.calls.Add(1)
	return l.List.Revoked(ctx, c)
}

// While entries are added all the time, each stream is checked at most once per second.
func TestManyStreamsAndAdditions(t *testing.T) {
	const many, seconds = 10_000, 10
	list, err := revocation.New(revocation.Config{})
	if err != nil {
		t.Fatal(err)
	}
	counted := &countedList{List: list}
	inBubble(t, func(c *resource.Config, _ *jwks.Config) {
		c.Opaque = &resource.Issuer{Verifier: keywordVerifier{issuer: "https://opaque.example.test"}}
		c.Hooks.Revocations = counted
	}, func(t *testing.T, f *fixture) {
		all := make([]*testStream, many)
		for i := range all {
			all[i] = startStream(nethttp.Middleware(f.res), getRequest(), fmt.Sprint("secret", i))
		}
		synctest.Wait()
		atStart := counted.calls.Load()
		if atStart != many {
			t.Errorf("Revoked was called %d times for %d streams", atStart, many)
		}
		for i := range seconds * 100 {
			f.revokeSubject(list, fmt.Sprint("u", i))
			time.Sleep(10 * time.Millisecond)
		}
		synctest.Wait()
		if n := counted.calls.Load() - atStart; n < seconds*many || n > (seconds+1)*many {
			t.Errorf("Revoked was called %d times for %d streams in %d s, want once for each per second", n, many, seconds)
		}
		began := time.Now()
		if err := list.Add(t.Context(), revocation.Entry{Issuer: "https://opaque.example.test", AllTokens: true, Until: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		for _, s := range all {
			f.expectEnd("a stream", s, began, time.Second, "revoked")
		}
		last := counted.calls.Load()
		f.revokeSubject(list, "bob")
		time.Sleep(time.Minute)
		if n := counted.calls.Load() - last; n != 0 || f.openStreams() != 0 {
			t.Errorf("Revoked was called %d times after all streams ended; %g are open", n, f.openStreams())
		}
	})
}

// Streams open and close while entries are added, for the race detector.
func TestStreamsCloseWhileRevoked(t *testing.T) {
	list, err := revocation.New(revocation.Config{})
	if err != nil {
		t.Fatal(err)
	}
	inBubble(t, func(c *resource.Config, _ *jwks.Config) { c.Hooks.Revocations = list }, func(t *testing.T, f *fixture) {
		token := f.issuer.Token(resourcetest.Token{})
		f.bearer(token)
		var group sync.WaitGroup
		for i := range 200 {
			group.Go(func() {
				s := startStream(nethttp.Middleware(f.res), getRequest(), token)
				time.Sleep(time.Duration(i) * 10 * time.Millisecond)
				s.disconnect()
				<-s.done
			})
		}
		for i := range 100 {
			f.revokeSubject(list, fmt.Sprint("u", i))
			time.Sleep(10 * time.Millisecond)
		}
		f.revokeSubject(list, "alice")
		group.Wait()
		synctest.Wait()
		if n := f.openStreams(); n != 0 {
			t.Errorf("%g streams are open", n)
		}
	})
}
