package revocation_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/resource/revocation"
)

// A copy can be used until it is as old as MaxAge, which counts from the beginning of the last
// complete read.
func TestMaxAge(t *testing.T) {
	for _, row := range []struct {
		name   string
		maxAge time.Duration
		faults faults
		want   time.Duration
	}{
		{"default", 0, faults{down: true}, 5 * time.Second},
		{"2 s", 2 * time.Second, faults{down: true}, 2 * time.Second},
		{"1 h", time.Hour, faults{down: true}, time.Hour},
		{"the store hangs", 0, faults{hangs: true}, 5 * time.Second},
		{"the store panics", 0, faults{panics: true}, 5 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, store := newSubjects(t), new(memoryStore)
				list := start(t, revocation.Config{Store: store, MaxAge: row.maxAge})
				s.add(t, list, "alice")
				time.Sleep(10 * time.Second)
				synctest.Wait()
				var lastRead time.Time
				store.set(func(m *memoryStore) { m.faults, lastRead = row.faults, m.lastRead })
				alice, bob, revision := s.of("alice"), s.of("bob"), list.Revision(time.Now())
				time.Sleep(time.Until(lastRead.Add(row.want)))
				if isRevoked(t, list, bob) || list.Revision(time.Now()) != revision || list.Ready(t.Context()) != nil {
					t.Errorf("the copy is not used at an age of %s", row.want)
				}
				time.Sleep(1)
				if revoked, err := list.Revoked(t.Context(), bob); err == nil || revoked || list.Revision(time.Now()) != 0 || list.Ready(t.Context()) == nil {
					t.Errorf("the copy is used at an age of more than %s", row.want)
				}
				if !isRevoked(t, list, alice) {
					t.Error("the entry does not revoke while the copy is too old")
				}
				time.Sleep(time.Minute)
				if _, err := list.Revoked(t.Context(), bob); err == nil {
					t.Error("the copy is used after a longer outage")
				}
				store.set(func(m *memoryStore) { m.faults = faults{} })
				time.Sleep(3 * time.Second) // a call that hangs ends after 2 s
				synctest.Wait()
				if isRevoked(t, list, bob) || !isRevoked(t, list, alice) || list.Revision(time.Now()) != revision || list.Ready(t.Context()) != nil {
					t.Error("the copy is not used after the outage")
				}
			})
		})
	}
}

// The age counts from the beginning of a read, because a record that is added during the read can be missing.
func TestAgeCountsFromBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memoryStore{pageSize: 1, takes: 900 * time.Millisecond}
		for i := range 3 {
			store.records = append(store.records, revocation.Record{Name: revocation.NameWith(key("one"), 1, byte(i)), Until: time.Now().Unix() + 3600})
		}
		list := start(t, revocation.Config{Store: store})
		time.Sleep(2700*time.Millisecond - 1)
		if list.Ready(t.Context()) == nil {
			t.Error("ready before the third page was read")
		}
		time.Sleep(1)
		synctest.Wait()
		if age := metric(t, list, "warder_revocation_age_seconds"); age != 2.7 || list.Ready(t.Context()) != nil {
			t.Errorf("the copy is %g s old, want 2.7; Ready returns %v", age, list.Ready(t.Context()))
		}
	})
}

// With AcceptOutdated, a copy can be used however old it is.
func TestAcceptOutdated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newSubjects(t), new(memoryStore)
		list := start(t, revocation.Config{Store: store, AcceptOutdated: true})
		s.add(t, list, "alice")
		synctest.Wait()
		store.set(func(m *memoryStore) { m.down = true })
		time.Sleep(30 * time.Minute)
		if isRevoked(t, list, s.of("bob")) || !isRevoked(t, list, s.of("alice")) || list.Revision(time.Now()) == 0 || list.Ready(t.Context()) != nil {
			t.Error("the copy is not used, although AcceptOutdated is set")
		}
	})
}

// An entry that is added during an outage applies in this process, and is in the store after the outage.
func TestAddDuringOutage(t *testing.T) {
	for _, row := range []struct {
		name   string
		faults faults
	}{
		{"down", faults{down: true}},
		{"hangs", faults{hangs: true}},
		{"panics", faults{panics: true}},
		{"full", faults{full: true}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, store := newSubjects(t), new(memoryStore)
				list, other := start(t, revocation.Config{Store: store, MaxAge: time.Minute}), start(t, revocation.Config{Store: store, MaxAge: time.Minute})
				time.Sleep(2 * time.Second)
				store.set(func(m *memoryStore) { m.faults = row.faults })
				all := names("u", 3)
				for _, name := range append(all, all[0]) {
					err := list.Add(t.Context(), s.entry(name))
					if err == nil || !strings.HasPrefix(err.Error(), "revocation: the entries apply in this process, but are not in the store yet: ") {
						t.Errorf("Add: got %v", err)
					}
				}
				if got := s.count(t, list, all); got != 3 {
					t.Errorf("%d of 3 subjects are revoked in this process", got)
				}
				if got := metric(t, list, "warder_revocation_unstored_entries"); got != 3 {
					t.Errorf("%g entries are not in the store, want 3", got)
				}
				time.Sleep(10 * time.Second)
				if got := s.count(t, other, all); got != 0 {
					t.Errorf("%d subjects are revoked in the other process during the outage", got)
				}
				store.set(func(m *memoryStore) { m.faults = faults{} })
				time.Sleep(5 * time.Second)
				synctest.Wait()
				if got := s.count(t, other, all); got != 3 || store.len() != 3 {
					t.Errorf("%d of 3 subjects are revoked in the other process after the outage, %d records", got, store.len())
				}
				if got := metric(t, list, "warder_revocation_unstored_entries"); got != 0 {
					t.Errorf("%g entries are not in the store, want 0", got)
				}
			})
		})
	}
}

// A store that can be read but rejects additions, for example because it is full, does not make the copy old.
func TestStoreThatRejectsAdditions(t *testing.T) {
	for name, f := range map[string]faults{"full": {full: true}, "hangs": {addHangs: true}} {
		synctest.Test(t, func(t *testing.T) {
			s, store := newSubjects(t), &memoryStore{faults: f}
			list := start(t, revocation.Config{Store: store, MaxAge: 2 * time.Second})
			time.Sleep(time.Second)
			if err := list.Add(t.Context(), s.entry("alice")); err == nil {
				t.Fatal("added to a full store")
			}
			for range 1000 {
				time.Sleep(100 * time.Millisecond)
				if err := list.Ready(t.Context()); err != nil || !isRevoked(t, list, s.of("alice")) {
					t.Fatalf("%s: not usable: %v", name, err)
				}
			}
			time.Sleep(2 * time.Hour) // the entry has ended
			store.set(func(m *memoryStore) { m.faults = faults{} })
			time.Sleep(5 * time.Second)
			if got := metric(t, list, "warder_revocation_unstored_entries"); got != 0 || store.len() != 0 {
				t.Errorf("%s: %g entries are not in the store, %d are, want 0 and 0: it has ended", name, got, store.len())
			}
		})
	}
}

// An entry that is extended while it is added again is in the store with its later end.
func TestExtendedDuringAddition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newSubjects(t), &memoryStore{faults: faults{full: true}}
		list := start(t, revocation.Config{Store: store})
		time.Sleep(500 * time.Millisecond)
		longer := s.entry("alice")
		longer.Until = longer.Until.Add(time.Hour)
		if err := list.Add(t.Context(), s.entry("alice")); err == nil {
			t.Error("added to a full store")
		}
		extended := false
		store.set(func(m *memoryStore) {
			m.full = false
			m.inAdd = func() {
				if !extended {
					extended = true
					m.full = true
					m.mu.Unlock()
					if err := list.Add(t.Context(), longer); err == nil {
						t.Error("added to a full store")
					}
					m.mu.Lock()
					m.full = false
				}
			}
		})
		time.Sleep(3 * time.Second)
		synctest.Wait()
		alice := s.of("alice")
		restarted := start(t, revocation.Config{Store: store})
		time.Sleep(time.Until(longer.Until))
		if !isRevoked(t, restarted, alice) || metric(t, list, "warder_revocation_unstored_entries") != 0 {
			t.Error("the longer entry is not in the store")
		}
	})
}

// text is a log that several goroutines write.
type text struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (w *text) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all.Write(p)
}

func (w *text) take() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.all.Reset()
	return w.all.String()
}

// An outage is logged when it begins and when it ends, without names or keys.
func TestOutageIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, log := newSubjects(t), new(memoryStore), new(text)
		list := start(t, revocation.Config{Store: store, Logger: slog.New(slog.NewTextHandler(log, nil))})
		expect := func(when string, messages ...string) {
			t.Helper()
			time.Sleep(10 * time.Second)
			synctest.Wait()
			got := log.take()
			for _, m := range messages {
				if strings.Count(got, m) != 1 {
					t.Errorf("%s: got %s\nwant %s once", when, got, m)
				}
			}
			if strings.Count(got, "\n") != len(messages) || strings.Contains(got, "alice") || strings.Contains(got, s.issuer) {
				t.Errorf("%s: got %s\nwant %d records", when, got, len(messages))
			}
		}
		expect("no outage")
		store.set(func(m *memoryStore) { m.full = true })
		if err := list.Add(t.Context(), s.entry("alice")); err == nil {
			t.Error("added to a full store")
		}
		expect("a full store", `level=ERROR msg="revocations of this process cannot be added to the store; other processes do not have them" error="adding: the store is full"`)
		store.set(func(m *memoryStore) { m.full = false })
		expect("after that", `level=INFO msg="revocations of this process were added to the store"`)
		store.set(func(m *memoryStore) { m.down = true })
		expect("an outage", `level=ERROR msg="revocations cannot be read from the store" max_age=5s accept_outdated=false error="reading: the store is down"`)
		store.set(func(m *memoryStore) { m.down = false })
		expect("after that", `level=INFO msg="revocations are read from the store again" entries=1`)
	})
}

// panickingLog is a log handler that panics.
type panickingLog struct{ slog.Handler }

func (panickingLog) Write([]byte) (int, error) { panic(errors.New("a bug in the log")) }

// A panic of the store or of the log does not end the process, and the list is usable afterwards.
func TestPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newSubjects(t), &memoryStore{pushes: true, faults: faults{panics: true}}
		logger := slog.New(slog.NewTextHandler(panickingLog{}, &slog.HandlerOptions{Level: slog.LevelDebug}))
		list := start(t, revocation.Config{Store: store, Logger: logger})
		time.Sleep(10 * time.Second)
		if err := list.Add(t.Context(), s.entry("alice")); err == nil || !strings.HasSuffix(err.Error(), ": adding: the store panicked with a string") {
			t.Errorf("Add: got %v", err)
		}
		time.Sleep(2 * time.Second) // the addition is repeated
		store.set(func(m *memoryStore) { m.panics = false })
		time.Sleep(2*time.Second + 500*time.Millisecond)
		synctest.Wait()
		if list.Ready(t.Context()) != nil || store.len() != 1 {
			t.Errorf("Ready: got %v; %d records", list.Ready(t.Context()), store.len())
		}
		added := start(t, revocation.Config{Store: store})
		s.add(t, added, "bob")
		synctest.Wait()
		if !isRevoked(t, list, s.of("bob")) {
			t.Error("the store does not push after its panic")
		}
	})
}
