package securityevents_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
)

// A token is processed once. A second delivery is acknowledged (RFC 8935 §2), because the issuer may not
// have received the first answer.
func TestDuplicates(t *testing.T) {
	f := newFixture(t, nil)
	for name, e := range map[string]resourcetest.SecurityEvent{
		"accepted":            {},
		"ignored":             {Type: resourcetest.StreamVerified},
		"unsupported_subject": {Subject: object{"format": "email", "email": "alice@example.test"}},
	} {
		token := f.issuer.SecurityEvent(e)
		for n, want := range []string{name, "duplicate", "duplicate"} {
			before := counts(t, f.receiver)
			if got := f.push(token); got.status != 202 || got.body != "" {
				t.Errorf("%s, delivery %d: got %d %s", name, n, got.status, got.body)
			}
			if result := f.result(before); result != want {
				t.Errorf("%s, delivery %d: counted as %q", name, n, result)
			}
		}
	}
	if entries := f.store.take(); len(entries) != 1 {
		t.Errorf("entries %v", entries)
	}
	// jti identifies the token, so another one with the same jti is a duplicate too.
	same := claims{"jti": "j1"}
	f.deliver(withClaims(same))
	f.deliver(resourcetest.SecurityEvent{Type: resourcetest.AccountPurged, Claims: same})
	if f.store.calls != 1 {
		t.Errorf("%d calls for one jti", f.store.calls)
	}
}

// A token that could not be stored is not acknowledged, and is processed when the issuer sends it again
// (RFC 8935 §2.4).
func TestStoreFails(t *testing.T) {
	f := newFixture(t, nil)
	token := f.issuer.SecurityEvent(resourcetest.SecurityEvent{})
	f.store.fail = errStore
	for range 2 {
		before := counts(t, f.receiver)
		got := f.push(token)
		if got.status != 503 || got.body != "" || got.header.Get("Retry-After") != "1" {
			t.Errorf("got %d %v %s", got.status, got.header, got.body)
		}
		if result := f.result(before); result != "store_unavailable" {
			t.Errorf("counted as %q", result)
		}
	}
	if log := f.log.take(); !strings.Contains(log, "result=store_unavailable") || !strings.Contains(log, errStore.Error()) {
		t.Errorf("log: %s", log)
	}
	f.store.fail = nil
	if got := f.push(token); got.status != 202 || len(f.store.take()) != 1 {
		t.Errorf("sent again: got %d %s", got.status, got.body)
	}
	if got := f.push(token); got.status != 202 || len(f.store.take()) != 0 {
		t.Errorf("duplicate: got %d %s", got.status, got.body)
	}
}

// The store has 5 s. It has them also if the issuer disconnects, which does not lose the revocation.
func TestStoreHangs(t *testing.T) {
	issuer := newIssuer(t)
	synctest.Test(t, func(t *testing.T) {
		f := newFixtureOf(t, issuer, nil)
		ctx, disconnect := context.WithCancel(t.Context())
		f.store.before = func(inner context.Context) {
			disconnect()
			synctest.Wait()
			if inner.Err() != nil {
				t.Error("canceled when the issuer disconnected")
			}
			<-inner.Done()
			f.store.fail = inner.Err()
		}
		start := time.Now()
		got := f.send(resourcetest.PushRequest(ctx, endpoint, f.issuer.SecurityEvent(resourcetest.SecurityEvent{}), ""))
		if took := time.Since(start); got.status != 503 || took != 5*time.Second {
			t.Errorf("got %d after %s", got.status, took)
		}
	})
}

// While a token is being stored, another delivery of it waits, and is not acknowledged before. If the
// first one fails, the other one is processed.
func TestConcurrentDuplicates(t *testing.T) {
	issuer := newIssuer(t)
	for _, row := range []struct {
		name string
		fail error
		want [2]int
	}{
		{"stored", nil, [2]int{202, 202}},
		{"not stored", errStore, [2]int{503, 202}},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFixtureOf(t, issuer, nil)
			release, first := make(chan struct{}), atomic.Bool{}
			f.store.before = func(context.Context) {
				if first.CompareAndSwap(false, true) {
					<-release
					f.store.fail = row.fail
				} else {
					f.store.fail = nil
				}
			}
			token := f.issuer.SecurityEvent(resourcetest.SecurityEvent{})
			var status [2]atomic.Int32
			canceled, cancel := context.WithCancel(t.Context())
			var left atomic.Int32
			go func() { status[0].Store(int32(f.push(token).status)) }()
			synctest.Wait()
			go func() { status[1].Store(int32(f.push(token).status)) }()
			go func() {
				left.Store(int32(f.send(resourcetest.PushRequest(canceled, endpoint, token, "")).status))
			}()
			synctest.Wait()
			if status[1].Load() != 0 {
				t.Errorf("%s: acknowledged before the entries were stored", row.name)
			}
			cancel()
			synctest.Wait()
			if left.Load() != 503 {
				t.Errorf("%s: a delivery that ended while it waited got %d", row.name, left.Load())
			}
			close(release)
			synctest.Wait()
			if got := [2]int{int(status[0].Load()), int(status[1].Load())}; got != row.want {
				t.Errorf("%s: got %v, want %v", row.name, got, row.want)
			}
			if entries := f.store.take(); len(entries) != 1 {
				t.Errorf("%s: entries %v", row.name, entries)
			}
		})
	}
}

// A panic of the store does not block the token.
func TestStorePanics(t *testing.T) {
	f := newFixture(t, nil)
	token := f.issuer.SecurityEvent(resourcetest.SecurityEvent{})
	f.store.before = func(context.Context) { panic("store") }
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was lost")
			}
		}()
		f.push(token)
	}()
	f.store.before = nil
	if got := f.push(token); got.status != 202 || len(f.store.take()) != 1 {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

// Many deliveries at the same time: each token is stored exactly once.
func TestConcurrency(t *testing.T) {
	f := newFixture(t, nil)
	var all sync.WaitGroup
	for i := range 20 {
		token := f.issuer.SecurityEvent(resourcetest.SecurityEvent{Subject: f.issuer.SubjectID(fmt.Sprint(i))})
		for range 10 {
			all.Go(func() {
				if got := f.push(token); got.status != 202 {
					t.Errorf("got %d %s", got.status, got.body)
				}
			})
		}
	}
	all.Wait()
	subjects := map[string]int{}
	for _, e := range f.store.take() {
		subjects[e.Subject]++
	}
	if len(subjects) != 20 {
		t.Errorf("%d subjects", len(subjects))
	}
	for subject, n := range subjects {
		if n != 1 {
			t.Errorf("subject %s was stored %d times", subject, n)
		}
	}
	if got := counts(t, f.receiver); got["accepted"] != 20 || got["duplicate"] != 180 {
		t.Errorf("counted %v", got)
	}
}
