package revocation_test

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
	"github.com/warder-go/warder/resource/revocation"
)

// sharedRecords is a Store in memory, for several lists. It has at most one page.
type sharedRecords struct {
	mu  sync.Mutex
	all []revocation.Record
}

func (s *sharedRecords) Add(_ context.Context, records []revocation.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, records...)
	return nil
}

func (s *sharedRecords) Read(_ context.Context, after int64) (revocation.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return revocation.Page{Data: "1", Records: s.all[after:], Last: int64(len(s.all))}, nil
}

func (*sharedRecords) Watch(ctx context.Context, _ func()) error {
	<-ctx.Done()
	return ctx.Err()
}

// A list finds an entry of another process that was made with a new key as soon as it has that
// key. A caller that was not revoked before must then be checked again.
func TestSetKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two := bytes.Repeat([]byte("1"), 32), bytes.Repeat([]byte("2"), 32)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		store := new(sharedRecords)
		started := func(keys ...[]byte) *revocation.List {
			list := newList(t, revocation.Config{Store: store, Keys: keys})
			go list.Run(ctx)
			return list
		}
		rotated, waiting := started(two, one), started(one)
		issuer, caller := callers(t)
		c := caller(resourcetest.Token{})
		if err := rotated.Add(ctx, revocation.Entry{Issuer: issuer.Identifier(), Subject: c.Subject(), Until: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(7 * time.Second)
		synctest.Wait()
		if _, err := waiting.Revoked(ctx, c); !isRevoked(t, rotated, c) || err == nil {
			t.Fatal("before: want revoked with the key of the entry, and an error without it")
		}
		before, notified := waiting.Revision(time.Now()), 0
		defer waiting.Watch(func() { notified++ })()
		if err := waiting.SetKeys([][]byte{one, two}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := waiting.Revision(time.Now()); !isRevoked(t, waiting, c) || got == before || notified != 1 {
			t.Errorf("after: revoked %v, revision %d after %d, watchers called %d times; want true, another one and 1", isRevoked(t, waiting, c), got, before, notified)
		}
		const inUse = "revocation: Keys: entries that were added with a removed key have not ended: keep the key until then"
		if err := rotated.SetKeys([][]byte{one}); err == nil || err.Error() != inUse || !isRevoked(t, rotated, c) {
			t.Errorf("without the key of the entry: got %v; want %s", err, inUse)
		}
		time.Sleep(time.Hour + resource.MaxLeeway)
		if err := rotated.SetKeys([][]byte{one}); err != nil {
			t.Errorf("after the end of the entry: %v", err)
		}
	})
}

func TestSetKeysMistakes(t *testing.T) {
	list := newList(t, revocation.Config{Store: new(sharedRecords), Keys: [][]byte{bytes.Repeat([]byte("1"), 32)}})
	for _, row := range []struct {
		list *revocation.List
		keys [][]byte
		want string
	}{
		{list, nil, "revocation: Keys: none"},
		{list, [][]byte{[]byte("short")}, "revocation: Keys: key 1 has 5 bytes; want at least 32 random bytes"},
		{newList(t, revocation.Config{}), [][]byte{bytes.Repeat([]byte("1"), 32)}, "revocation: Keys: without a Store they have no effect"},
	} {
		if err := row.list.SetKeys(row.keys); err == nil || err.Error() != row.want {
			t.Errorf("got %v, want %s", err, row.want)
		}
	}
}
