package revocation_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/revocation"
)

// A page that cannot be right is an error, and the copy is not used. Afterwards all records are read again.
func TestWrongPages(t *testing.T) {
	withRecord := func(change func(*revocation.Record)) func(*revocation.Page) {
		return func(p *revocation.Page) {
			r := revocation.Record{Name: revocation.NameWith(key("one"), 2, 3), Until: time.Now().Unix() + 3600}
			change(&r)
			p.Records = append(p.Records, r)
		}
	}
	other := 0
	for _, row := range []struct {
		name    string
		distort func(*revocation.Page)
		want    string // part of the error
	}{
		{"Last is earlier than before", func(p *revocation.Page) {
			if p.Last > 4 {
				p.Last = 2
			}
		}, "the store returned the sequence number"},
		{"Last is negative", func(p *revocation.Page) { p.Last = -1 }, "the store returned the sequence number -1 after"},
		{"More without progress", func(p *revocation.Page) {
			if len(p.Records) <= 2 {
				p.More = true
			}
		}, "the store returned the sequence number 10 after 10"},
		{"Data is empty", func(p *revocation.Page) { p.Data = "" }, "the store does not identify its data"},
		{"Data is another one in each call", func(p *revocation.Page) { other++; p.Data = strings.Repeat("x", other%100+1) }, "the store has other data in every call"},
		{"a record without a kind", withRecord(func(r *revocation.Record) { r.Name[0] = 0 }), "a record is not one that a list has made"},
		{"a record of an unknown kind", withRecord(func(r *revocation.Record) { r.Name[0] = 7 }), "a record is not one that a list has made"},
		{"IssuedBy is negative", withRecord(func(r *revocation.Record) { r.IssuedBy = -1 }), "a record is not one that a list has made"},
		{"IssuedBy is too large", withRecord(func(r *revocation.Record) { r.IssuedBy = 1 << 32 }), "a record is not one that a list has made"},
		{"Until is negative", withRecord(func(r *revocation.Record) { r.Until = -1 }), "a record is not one that a list has made"},
		{"Until is too large", withRecord(func(r *revocation.Record) { r.Until = 1 << 32 }), "a record is not one that a list has made"},
	} {
		for _, when := range []string{"from the start", "later"} {
			t.Run(row.name+", "+when, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s, store, log := newSubjects(t), &memoryStore{pageSize: 4}, new(text)
					s.add(t, start(t, revocation.Config{Store: store}), names("u", 10)...)
					list := newList(t, revocation.Config{Store: store, Keys: [][]byte{key("one")}, Logger: slog.New(slog.NewTextHandler(log, nil))})
					go func() {
						if when == "later" {
							time.Sleep(3 * time.Second)
						}
						store.set(func(m *memoryStore) { m.distort = row.distort })
					}()
					synctest.Wait()
					go list.Run(t.Context())
					time.Sleep(20 * time.Second)
					synctest.Wait()
					if list.Ready(t.Context()) == nil || list.Revision(time.Now()) != 0 {
						t.Error("the copy is used")
					}
					if got := log.take(); !strings.Contains(got, row.want) {
						t.Errorf("got the log %s\nwant %s", got, row.want)
					}
					store.set(func(m *memoryStore) { m.distort = nil })
					time.Sleep(3 * time.Second)
					synctest.Wait()
					if got := s.count(t, list, names("u", 10)); got != 10 || list.Ready(t.Context()) != nil {
						t.Errorf("afterwards: %d of 10 subjects are revoked; Ready returns %v", got, list.Ready(t.Context()))
					}
				})
			})
		}
	}
}

// A page with a record that cannot be right still revokes by its other records.
func TestOtherRecordsOfWrongPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newSubjects(t), new(memoryStore)
		list, other := start(t, revocation.Config{Store: store}), start(t, revocation.Config{Store: store})
		synctest.Wait()
		if err := store.Add(t.Context(), []revocation.Record{{Name: [16]byte{99}, Until: time.Now().Unix() + 3600}}); err != nil {
			t.Fatal(err)
		}
		s.add(t, list, "alice")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !isRevoked(t, other, s.of("alice")) {
			t.Error("not revoked")
		}
	})
}

// If the store has more records than the list can have, it is not known which tokens are revoked.
func TestFullListWithStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newSubjects(t), &memoryStore{pageSize: 10}
		large := start(t, revocation.Config{Store: store})
		short := s.entry("short")
		short.Until = time.Now().Add(time.Minute)
		if err := large.Add(t.Context(), short); err != nil {
			t.Fatal(err)
		}
		all := names("u", 100)
		s.add(t, large, all...)
		never := start(t, revocation.Config{Store: store, MaxEntries: 100, AcceptOutdated: true})
		full := start(t, revocation.Config{Store: store, MaxEntries: 101})
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if never.Ready(t.Context()) == nil || never.Len() != 100 {
			t.Errorf("%d of 101 entries, and the copy is used", never.Len())
		}
		if !isRevoked(t, full, s.of("u99")) || full.Ready(t.Context()) != nil {
			t.Errorf("a list with room for all entries: %v", full.Ready(t.Context()))
		}

		err := full.Add(t.Context(), s.entry("u1"), s.entry("new"), s.entry("short"))
		if err == nil || err.Error() != "revocation: the list is full: raise MaxEntries: 101 entries" {
			t.Errorf("Add to a full list: got %v", err)
		}
		if isRevoked(t, full, s.of("new")) {
			t.Error("added to a full list")
		}
		if n := metric(t, full, "warder_revocation_unstored_entries"); n != 2 {
			t.Errorf("%g entries are not in the store yet, want the 2 that are in the list", n)
		}
		time.Sleep(time.Minute + resource.MaxLeeway + time.Second)
		synctest.Wait()
		for i, list := range []*revocation.List{full, large} { // the second one by the store
			if !isRevoked(t, list, s.of("short")) {
				t.Errorf("list %d: an entry of a full list was not extended", i)
			}
		}
		time.Sleep(time.Until(s.entry("").Until) + resource.MaxLeeway) // all entries have ended
		synctest.Wait()
		for i, list := range []*revocation.List{never, full, large} {
			s.add(t, list, "later")
			if err := list.Ready(t.Context()); err != nil || !isRevoked(t, list, s.of("later")) {
				t.Errorf("list %d: after all entries have ended: %v", i, err)
			}
		}
	})
}

// The names of records are the same in all processes and versions, and do not show which entries
// of two kinds have the same text.
func TestNamesOfRecords(t *testing.T) {
	store := new(memoryStore)
	list := newList(t, revocation.Config{Store: store, Keys: [][]byte{key("one"), key("two")}})
	var got []string
	for _, e := range []revocation.Entry{{TokenID: "x"}, {Subject: "x"}, {Client: "x"}, {Session: "x"}, {Token: "x"}, {AllTokens: true}} {
		e.Issuer, e.Until = "https://auth.example.com", time.Now().Add(time.Hour)
		if err := list.Add(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%x", store.records[len(store.records)-1].Name))
	}
	want := []string{ // computed by another program
		"01bd3dbfd162e004271a57fd3de9cd54",
		"02bd3dbf30e4a859e8743d95400f205c",
		"03bd3dbf7883931229046e9a6455f219",
		"04bd3dbf8a783a7b2ba14cae7d37d954",
		"05bd3dbfc62c202ef628ea53d1f163ae",
		"06bd3dbf9ec43ab7f9550133c83925c3",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRecordEncoding(t *testing.T) {
	r := revocation.Record{Name: [16]byte{1, 15: 0xff}, IssuedBy: 1<<32 - 1, Until: 0x01020304}
	want := append(append([]byte{1}, make([]byte, 14)...), 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 1, 2, 3, 4)
	got, err := r.MarshalBinary()
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %x, %v, want %x", got, err, want)
	}
	var decoded revocation.Record
	if err := decoded.UnmarshalBinary(want); err != nil || decoded != r {
		t.Errorf("got %+v, %v, want %+v", decoded, err, r)
	}
	for _, row := range []struct {
		name   string
		change func(b []byte) []byte
	}{
		{"empty", func([]byte) []byte { return nil }},
		{"one byte less", func(b []byte) []byte { return b[1:] }},
		{"one byte more", func(b []byte) []byte { return append(b, 0) }},
		{"kind 0", func(b []byte) []byte { b[0] = 0; return b }},
		{"kind 7", func(b []byte) []byte { b[0] = 7; return b }},
		{"a negative IssuedBy", func(b []byte) []byte { b[16] = 0x80; return b }},
		{"IssuedBy after 2106", func(b []byte) []byte { b[19] = 1; return b }},
		{"a negative Until", func(b []byte) []byte { b[24] = 0x80; return b }},
		{"Until after 2106", func(b []byte) []byte { b[27] = 1; return b }},
	} {
		if err := decoded.UnmarshalBinary(row.change(bytes.Clone(want))); err == nil || decoded != r {
			t.Errorf("%s: got %+v, %v, want an error", row.name, decoded, err)
		}
	}
}
