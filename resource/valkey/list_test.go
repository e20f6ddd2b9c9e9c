package valkey_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/warder-go/warder/resource/revocation"
	"github.com/warder-go/warder/resource/valkey"
	"github.com/warder-go/warder/resource/valkey/valkeytest"
)

// startList returns a list that shares entries through a server.
func startList(t *testing.T, address string) *revocation.List {
	t.Helper()
	return startListWith(t, openAt(t, address), []byte("key of the tests, which has more than 32 bytes"))
}

// startListWith returns a list that shares entries through a store.
func startListWith(t *testing.T, s *valkey.Store, key []byte) *revocation.List {
	t.Helper()
	list, err := revocation.New(revocation.Config{Store: s.Revocations(), Keys: [][]byte{key}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { list.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return list
}

func entry(number int) revocation.Entry {
	return revocation.Entry{Issuer: "https://auth.example.com", TokenID: fmt.Sprint(number), Until: time.Now().Add(time.Hour)}
}

// What one list adds, all lists have soon, also after the server lost everything.
func TestLists(t *testing.T) {
	server := valkeytest.Start(t, valkeytest.Options{})
	var lists []*revocation.List
	for range 6 {
		lists = append(lists, startList(t, server.Address()))
	}
	for i, list := range lists {
		eventually(t, "the list is ready", func() bool { return list.Ready(t.Context()) == nil })
		if err := list.Add(t.Context(), entry(i), entry(i+100)); err != nil {
			t.Error(err)
		}
	}
	have := func(n int) func() bool {
		return func() bool {
			return !slices.ContainsFunc(lists, func(l *revocation.List) bool { return l.Len() != n })
		}
	}
	eventually(t, "all lists have all entries", have(12))
	server.Restart()
	lists = append(lists, startList(t, server.Address())) // has nothing itself
	eventually(t, "the lists have added their entries again", have(12))
	eventually(t, "an entry can be added", func() bool { return lists[6].Add(t.Context(), entry(200)) == nil })
	eventually(t, "all lists have the new entry", have(13))
}
