package dpopnonce_test

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warder-go/warder/internal/commonkey"
	"github.com/warder-go/warder/internal/dpopnonce"
)

var (
	keyA = bytes.Repeat([]byte("a"), commonkey.MinBytes)
	keyB = bytes.Repeat([]byte("b"), commonkey.MinBytes)
	at   = time.Unix(1_700_000_000, 0)
)

func source(keys ...[]byte) *dpopnonce.Source { return dpopnonce.New(keys) }

// independent computes a nonce as the documentation of the package describes it.
func independent(configured []byte, version byte, second uint64) string {
	key, err := hkdf.Key(sha256.New, configured, nil, "warder DPoP nonce key 1", 32)
	if err != nil {
		panic(err)
	}
	head := append([]byte{version}, binary.BigEndian.AppendUint64(nil, second)[3:]...)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("warder DPoP nonce 1\x00"))
	mac.Write(head)
	return base64.RawURLEncoding.EncodeToString(append(head, mac.Sum(nil)[:18]...))
}

// Replicas of different versions accept each other's nonces, so the encoding must not change.
func TestEncoding(t *testing.T) {
	s := source(keyA)
	for _, at := range []time.Time{at, time.Unix(0, 0), time.Unix(1<<40-1, 999_999_999)} {
		got := s.Make(at)
		if want := independent(keyA, 1, uint64(at.Unix())); got != want || stateOf(s, got, at) != dpopnonce.Fresh {
			t.Errorf("%v: got %s, want %s, and Fresh", at, got, want)
		}
	}
	if got, want := s.Make(at), "AQBlU_EAJAtBF153LL3smf5xQxDQ22GE"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// RFC 9449 §8.1: nonce = 1*NQCHAR; NQCHAR = %x21 / %x23-5B / %x5D-7E
func TestCharacters(t *testing.T) {
	s := source(keyA)
	for i := range 1000 {
		nonce := s.Make(at.Add(time.Duration(i) * time.Second))
		for _, c := range []byte(nonce) {
			if c != 0x21 && (c < 0x23 || c > 0x5b) && (c < 0x5d || c > 0x7e) {
				t.Fatalf("%q has a character that is not an NQCHAR", nonce)
			}
		}
	}
}

func TestAge(t *testing.T) {
	for _, row := range []struct {
		name string
		age  time.Duration
		want dpopnonce.State
	}{
		{"new", 0, dpopnonce.Fresh},
		{"before half of the lifetime", 150*time.Second - 1, dpopnonce.Fresh},
		{"half of the lifetime", 150 * time.Second, dpopnonce.Aging},
		{"before the end", 300*time.Second - 1, dpopnonce.Aging},
		{"the end", 300 * time.Second, dpopnonce.Invalid},
		{"a year old", 365 * 24 * time.Hour, dpopnonce.Invalid},
		{"from a replica whose clock is ahead", -30 * time.Second, dpopnonce.Fresh},
		{"from the future", -30*time.Second - 1, dpopnonce.Invalid},
		{"from the far future", -365 * 24 * time.Hour, dpopnonce.Invalid},
	} {
		if got := stateOf(source(keyA), source(keyA).Make(at), at.Add(row.age)); got != row.want {
			t.Errorf("%s: got %d, want %d", row.name, got, row.want)
		}
	}
	if s := source(keyA); stateOf(s, s.Make(at), time.Unix(-1<<62, 0)) != dpopnonce.Invalid || stateOf(s, s.Make(at), time.Unix(1<<62, 0)) != dpopnonce.Invalid {
		t.Error("a clock that is wrong by the age of the universe accepts a nonce")
	}
}

func TestRotation(t *testing.T) {
	for _, row := range []struct {
		name   string
		maker  *dpopnonce.Source
		reader *dpopnonce.Source
		want   dpopnonce.State
	}{
		{"another replica", source(keyA), source(keyA), dpopnonce.Fresh},
		{"a replica that knows a newer key", source(keyA), source(keyB, keyA), dpopnonce.Aging},
		{"a replica that has a key for the next rotation", source(keyA), source(keyA, keyB), dpopnonce.Fresh},
		{"only the first key makes nonces", source(keyA, keyB), source(keyB), dpopnonce.Invalid},
		{"a removed key", source(keyA), source(keyB), dpopnonce.Invalid},
		{"a configured key and the random one", source(keyA), source(), dpopnonce.Invalid},
		{"the random key is the same in the process", source(), source(), dpopnonce.Fresh},
	} {
		if got := stateOf(row.reader, row.maker.Make(at), at); got != row.want {
			t.Errorf("%s: got %d, want %d", row.name, got, row.want)
		}
	}
}

func TestTime(t *testing.T) {
	s := source(keyA)
	first := s.Make(at)
	if got := s.Make(at.Add(time.Second - 1)); got != first {
		t.Errorf("the same second: got %s, want %s", got, first)
	}
	if got := s.Make(at.Add(time.Second)); got == first {
		t.Error("the next second has the same nonce")
	}
	if got := s.Make(at); got != first {
		t.Errorf("after the clock was set back: got %s, want %s", got, first)
	}
}

func TestInvalid(t *testing.T) {
	s, second := source(keyA), uint64(at.Unix())
	valid := s.Make(at)
	for _, row := range []struct{ name, nonce string }{
		{"empty", ""},
		{"one character less", valid[:31]},
		{"one character more", valid + "A"},
		{"padding", valid + "="},
		{"padding within the length", valid[:31] + "="},
		{"white space before", " " + valid},
		{"white space within the length", " " + valid[:31]},
		{"line breaks, which the decoder skips", valid[:28] + "\r\n\r\n"},
		{"a line break after fewer bytes", valid[:31] + "\n"},
		{"the other alphabet", strings.Repeat("+", 32)},
		{"not ASCII", valid[:30] + "é"},
		{"a NUL byte", valid[:31] + "\x00"},
		{"another version", independent(keyA, 0, second)},
		{"the next version", independent(keyA, 2, second)},
		{"another key", independent(keyB, 1, second)},
		{"the time of another nonce", independent(keyA, 1, second+1)[:8] + valid[8:]},
		{"the HMAC of another nonce", valid[:8] + independent(keyA, 1, second+1)[8:]},
		{"no HMAC", valid[:8] + strings.Repeat("A", 24)},
		{"only zeros", strings.Repeat("A", 32)},
		{"very long", strings.Repeat("A", 1<<20)},
	} {
		if got := stateOf(s, row.nonce, at); got != dpopnonce.Invalid {
			t.Errorf("%s: got %d", row.name, got)
		}
	}
}

// The decoder skips line breaks, so this text has the bytes of the nonce if the last one is zero.
func TestLineBreakForZeroByte(t *testing.T) {
	s := source(keyA)
	for moment := at; ; moment = moment.Add(time.Second) {
		nonce := s.Make(moment)
		if b, err := base64.RawURLEncoding.DecodeString(nonce); err != nil || b[len(b)-1] != 0 {
			continue
		}
		if got := stateOf(s, nonce[:31]+"\n", moment); got != dpopnonce.Invalid || stateOf(s, nonce, moment) != dpopnonce.Fresh {
			t.Errorf("%q: got %d", nonce, got)
		}
		return
	}
}

// Every change of one character is rejected, so a nonce has one encoding only.
func TestChanges(t *testing.T) {
	s := source(keyA)
	valid := s.Make(at)
	for i := range len(valid) {
		for c := range 256 {
			if byte(c) == valid[i] {
				continue
			}
			changed := valid[:i] + string([]byte{byte(c)}) + valid[i+1:]
			if stateOf(s, changed, at) != dpopnonce.Invalid {
				t.Errorf("%q is accepted", changed)
			}
		}
	}
}

func TestKeysAreNotKept(t *testing.T) {
	key := bytes.Clone(keyA)
	s := source(key)
	clear(key)
	if stateOf(s, source(keyA).Make(at), at) != dpopnonce.Fresh {
		t.Error("the key of the source changed with the slice of the caller")
	}
}

func TestPrinting(t *testing.T) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if got, want := fmt.Sprintf(verb, source(keyA)), "[redacted nonce keys]"; got != want {
			t.Errorf("%s: got %q, want %q", verb, got, want)
		}
	}
}

func TestAllocations(t *testing.T) {
	s := source(keyB, keyA)
	own, older, forged := s.Make(at), source(keyA).Make(at), independent([]byte("another key of the attacker here"), 1, uint64(at.Unix()))
	for _, row := range []struct {
		name string
		run  func()
	}{
		{"fresh", func() { s.Check(own, at) }},
		{"older key", func() { s.Check(older, at) }},
		{"forged", func() { s.Check(forged, at) }},
		{"malformed", func() { s.Check("=", at) }},
		{"the nonce of the same second", func() { s.Make(at) }},
	} {
		if n := testing.AllocsPerRun(100, row.run); n != 0 {
			t.Errorf("%s: got %v allocations, want 0", row.name, n)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	s := source(keyA, keyB)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 500 {
				now := at.Add(time.Duration(i/100*g) * time.Second)
				if nonce := s.Make(now); nonce != independent(keyA, 1, uint64(now.Unix())) || stateOf(s, nonce, now) != dpopnonce.Fresh {
					t.Errorf("%v: got %s", now, nonce)
				}
			}
		})
	}
	wg.Wait()
}

// FuzzCheck checks that only the nonces are accepted that one of the keys makes for a second in
// the window.
func FuzzCheck(f *testing.F) {
	reader := source(keyB, keyA)
	for _, seed := range []string{source(keyA).Make(at), source(keyB).Make(at.Add(-time.Minute)), "", strings.Repeat("A", 32)} {
		f.Add(seed, int64(0))
		f.Add(seed+"=", int64(200))
		f.Add("\n"+seed, int64(-31))
	}
	f.Fuzz(func(t *testing.T, nonce string, seconds int64) {
		now := at.Add(time.Duration(seconds%1000) * time.Second)
		var want dpopnonce.State
		if decoded, err := base64.RawURLEncoding.DecodeString(nonce); err == nil && len(decoded) >= 6 {
			second := binary.BigEndian.Uint64(append(make([]byte, 3), decoded[1:6]...)[:8])
			age := now.Unix() - int64(second)
			switch {
			case age < -30 || age >= 300:
			case nonce == independent(keyB, 1, second) && age < 150:
				want = dpopnonce.Fresh
			case nonce == independent(keyB, 1, second), nonce == independent(keyA, 1, second):
				want = dpopnonce.Aging
			}
		}
		if got := stateOf(reader, nonce, now); got != want {
			t.Errorf("%q at %v: got %d, want %d", nonce, now, got, want)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	s := source(keyA)
	nonce := s.Make(at)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			stateOf(s, nonce, at)
		}
	})
}

func BenchmarkMake(b *testing.B) {
	s := source(keyA)
	b.ReportAllocs()
	for i := range b.N {
		s.Make(at.Add(time.Duration(i) * time.Second))
	}
}

func Example() {
	replica1 := dpopnonce.New([][]byte{[]byte("the key that all replicas share!")})
	replica2 := dpopnonce.New([][]byte{[]byte("the key that all replicas share!")})
	now := time.Now()
	nonce := replica1.Make(now)
	fmt.Println(stateOf(replica2, nonce, now.Add(time.Minute)) == dpopnonce.Fresh)
	fmt.Println(stateOf(replica2, nonce, now.Add(3*time.Minute)) == dpopnonce.Aging)
	fmt.Println(stateOf(replica2, nonce, now.Add(5*time.Minute)) == dpopnonce.Invalid)
	// Output:
	// true
	// true
	// true
}

// stateOf returns the state of a nonce. It fails if the time of the nonce is not plausible.
func stateOf(s *dpopnonce.Source, nonce string, now time.Time) dpopnonce.State {
	state, made := s.Check(nonce, now)
	if age := now.Sub(made); state == dpopnonce.Invalid && !made.IsZero() || state != dpopnonce.Invalid && (age >= 5*time.Minute || age < -30*time.Second) {
		panic(fmt.Sprint("state ", state, " with time ", made))
	}
	return state
}
