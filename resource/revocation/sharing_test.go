package revocation_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/revocation"
)

// An entry applies in the list it is added to at once, and in the others when the store reports it,
// or else within a second.
func TestEntriesAreShared(t *testing.T) {
	for _, row := range []struct {
		name   string
		pushes bool
		within time.Duration
	}{
		{"pushed", true, 0},
		{"polled", false, time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, store := newSubjects(t), &memoryStore{pushes: row.pushes}
				lists := []*revocation.List{start(t, revocation.Config{Store: store}), start(t, revocation.Config{Store: store}), start(t, revocation.Config{Store: store})}
				time.Sleep(10*time.Second + 500*time.Millisecond)
				synctest.Wait()
				alice, bob := s.of("alice"), s.of("bob")
				s.add(t, lists[0], "alice")
				synctest.Wait()
				if !isRevoked(t, lists[0], alice) {
					t.Error("not revoked at once where it was added")
				}
				if got := isRevoked(t, lists[1], alice); got != row.pushes {
					t.Errorf("elsewhere: revoked at once is %v, want %v", got, row.pushes)
				}
				time.Sleep(row.within)
				synctest.Wait()
				for i, list := range lists {
					if !isRevoked(t, list, alice) || isRevoked(t, list, bob) || list.Len() != 1 {
						t.Errorf("list %d, after %s: alice is revoked: %v, bob: %v; %d entries", i, row.within, isRevoked(t, list, alice), isRevoked(t, list, bob), list.Len())
					}
				}
			})
		})
	}
}

// The revision changes after an addition, here or elsewhere, and not otherwise.
func TestRevision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newSubjects(t), new(memoryStore)
		one, other := start(t, revocation.Config{Store: store}), start(t, revocation.Config{Store: store})
		synctest.Wait()
		seen := map[uint64]bool{}
		expectChange := func(what string, want bool) {
			t.Helper()
			time.Sleep(2 * time.Second)
			synctest.Wait()
			revision := other.Revision(time.Now())
			if seen[revision] == want || revision == 0 {
				t.Errorf("%s: the revision is %d, changed is %v, want %v", what, revision, !seen[revision], want)
			}
			seen[revision] = true
		}
		expectChange("at the start", true)
		expectChange("nothing", false)
		s.add(t, one, "alice")
		expectChange("elsewhere", true)
		s.add(t, one, "alice")
		expectChange("the subject is revoked for longer", true)
		if err := one.Add(t.Context(), revocation.Entry{Issuer: s.issuer, Subject: "alice", Until: time.Now().Add(time.Minute)}); err != nil {
			t.Error(err)
		}
		expectChange("the subject is already revoked for longer", false)
		if err := one.Add(t.Context(), revocation.Entry{Issuer: s.issuer, Subject: "bob", Until: time.Now().Add(-time.Hour)}); err != nil {
			t.Error(err)
		}
		expectChange("an entry that has ended", false)
		s.add(t, other, "carol")
		expectChange("here", true)
	})
}

// Before the first complete read it is not known which tokens are revoked.
func TestFirstRead(t *testing.T) {
	for _, acceptOutdated := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s, store := newSubjects(t), &memoryStore{pageSize: 1}
			s.add(t, start(t, revocation.Config{Store: store}), "alice", "bob", "carol")
			list := newList(t, revocation.Config{Store: store, Keys: [][]byte{key("one")}, AcceptOutdated: acceptOutdated})
			expectUnknown := func(when string) {
				t.Helper()
				synctest.Wait()
				revoked, err := list.Revoked(t.Context(), s.of("dave"))
				if ready := list.Ready(t.Context()); revoked || err == nil || ready == nil || list.Revision(time.Now()) != 0 {
					t.Errorf("%s: revoked is %v, %v, Ready returns %v, the revision is %d; want errors and 0", when, revoked, err, ready, list.Revision(time.Now()))
				}
			}
			expectUnknown("before Run")
			failing := 3 // the second page
			store.set(func(m *memoryStore) {
				m.distort = func(p *revocation.Page) {
					if p.Last == 2 && failing > 0 {
						failing--
						p.Data = ""
					}
				}
			})
			go list.Run(t.Context())
			expectUnknown("after one page of three")
			time.Sleep(time.Second)
			expectUnknown("a second later")
			s.add(t, list, "erin")
			if !isRevoked(t, list, s.of("erin")) {
				t.Error("an entry of this process does not revoke yet")
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if isRevoked(t, list, s.of("dave")) || !isRevoked(t, list, s.of("carol")) || list.Ready(t.Context()) != nil || list.Revision(time.Now()) == 0 {
				t.Errorf("not usable after the first read: %v", list.Ready(t.Context()))
			}
		})
	}
}

// A list whose keys are being replaced finds what another one adds with the new key, and the
// reverse. An entry is added with the first key only. A list that lacks its key knows that it lacks a
// revocation, and is not used until the entry ends.
func TestKeyRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newSubjects(t), new(memoryStore)
		with := func(keys ...string) *revocation.List {
			c := revocation.Config{Store: store}
			for _, k := range keys {
				c.Keys = append(c.Keys, key(k))
			}
			return start(t, c)
		}
		const lacksKey = "revocation: other processes add entries with a key that this process does not have: compare the Keys of all processes"
		added, first, onlyOld, onlyNew := with("old", "new"), with("new", "old"), with("old"), with("new")
		s.add(t, added, "alice")
		s.add(t, first, "bob")
		time.Sleep(7 * time.Second)
		synctest.Wait()
		for _, row := range []struct {
			name              string
			list              *revocation.List
			alice, bob, carol string
		}{
			{"the new key was added", added, "revoked", "revoked", "valid"},
			{"the new key is the first", first, "revoked", "revoked", "valid"},
			{"only the old key", onlyOld, "revoked", lacksKey, lacksKey},
			{"only the new key", onlyNew, lacksKey, "revoked", lacksKey},
		} {
			for name, want := range map[string]string{"alice": row.alice, "bob": row.bob, "carol": row.carol} {
				got := "valid"
				if revoked, err := row.list.Revoked(t.Context(), s.of(name)); revoked {
					got = "revoked"
				} else if err != nil {
					got = err.Error()
				}
				if got != want {
					t.Errorf("%s: %s: got %s, want %s", row.name, name, got, want)
				}
			}
			if usable := row.list.Revision(time.Now()) != 0; usable != (row.carol == "valid") {
				t.Errorf("%s: usable is %v", row.name, usable)
			}
		}
		time.Sleep(time.Hour + resource.MaxLeeway) // the entries end
		synctest.Wait()
		for _, list := range []*revocation.List{onlyOld, onlyNew} {
			if err := list.Ready(t.Context()); err != nil {
				t.Errorf("after the end of the entries: %v", err)
			}
		}
	})
}

// An entry that has ended has no effect on a later one with the same name.
func TestEndedEntryIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newSubjects(t), new(memoryStore)
		list, other := start(t, revocation.Config{Store: store}), start(t, revocation.Config{Store: store})
		s.add(t, list, "alice")
		older := s.of("alice")
		time.Sleep(time.Hour + resource.MaxLeeway)
		e := s.entry("alice")
		e.IssuedBy = time.Now()
		if err := list.Add(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		login := s.of("alice")
		for _, l := range []*revocation.List{list, other} {
			if isRevoked(t, l, login) || !isRevoked(t, l, older) {
				t.Errorf("the token of a new login is revoked: %v; an older one: %v", isRevoked(t, l, login), isRevoked(t, l, older))
			}
		}
	})
}
