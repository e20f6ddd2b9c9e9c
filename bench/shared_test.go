package main

import (
	"strings"
	"testing"

	"github.com/warder-go/warder/resource/valkey/valkeytest"
)

// The section has a table for each measurement, and each target has a result. Six processes share calls of the
// endpoint, though more than one call for a token is possible on a busy machine.
func TestSharedSection(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: the measurements take some seconds")
	}
	r := measureShared(t.Context(), newPlan(true))
	wantTargets, wantTables := 13, 6
	if len(valkeytest.Programs()) == 0 {
		t.Log("neither redis-server nor valkey-server is installed: measured without a store")
	} else {
		wantTargets, wantTables = 15, 14
	}
	text := sharedSection(r).text
	if targets := sharedTargets(r); len(targets) != wantTargets || strings.Count(text, "\n### ") != wantTables {
		t.Errorf("got %d targets and this section, want %d targets and %d tables:\n%s", len(targets), wantTargets, wantTables, text)
	}
	if missing := "are missing"; strings.Contains(text, missing) != (r.store == nil) {
		t.Errorf("the section says %q: %v, want it without a store", missing, r.store != nil)
	}
	if r.store == nil {
		return
	}
	if alone, shared := r.store.calls[0].calls, r.store.calls[1].calls; alone < 600 || shared < 100 || shared >= alone {
		t.Errorf("got %d calls without a store and %d with one, want at least 600 and 100, and less with one", alone, shared)
	}
	if n := r.store.read.entries; n != r.plan.many {
		t.Errorf("a list has read %d entries, want %d", n, r.plan.many)
	}
}

// The lists of the benchmarks have entries of each kind, also those that were read from the store in several
// pages. They revoke none of the tokens, which have all names that an entry can have.
func TestUnusedEntries(t *testing.T) {
	caller := newCallers(1)[0]
	store, key := new(memoryRevocations), newCommonKey()
	fill(t.Context(), runList(t.Context(), newList(store, key)), 12_001)
	list := runList(t.Context(), newList(store, key))
	if revoked, err := list.Revoked(t.Context(), caller); revoked || err != nil || list.Len() != 12_001 {
		t.Errorf("got %v, %v and %d entries, want a token that is not revoked and 12,001 entries", revoked, err, list.Len())
	}
	kinds := map[[6]bool]bool{}
	for i := range 6 {
		e := unusedEntry(i)
		kinds[[6]bool{e.TokenID != "", e.Subject != "", e.Client != "", e.Session != "", e.Token != "", e.AllTokens}] = true
	}
	if len(kinds) != 6 {
		t.Errorf("the first six entries are of %d kinds, want 6", len(kinds))
	}
	if caller.TokenID() == "" || caller.Subject() == "" || caller.SessionID() == "" || caller.TokenDigest() == [32]byte{} {
		t.Error("the caller lacks a name that an entry can have")
	}
}
