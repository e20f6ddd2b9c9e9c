package jwks_test

import (
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
)

func TestUnknownKeyFlood(t *testing.T) { // bad-inputs 126, 183, 184
	for name, failure := range map[string]resourcetest.Failure{
		"key server well": {}, "key server refuses": {Refuse: true}, "key server hangs": {Hang: true},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.expect("first", w.token(), http.StatusOK)
				time.Sleep(time.Minute)
				w.issuer.Fail(resourcetest.JWKS, failure)
				before := w.fetches()
				tokens := repeat(10_000, func(i int) string { return w.unknown(i, time.Now()) })
				var memory, after runtime.MemStats
				runtime.ReadMemStats(&memory)
				began := time.Now()
				done := make(chan struct{})
				go func() { // known keys, all the while
					defer close(done)
					for time.Since(began) < 5*time.Second {
						if status, took := w.ask(w.token()); status != 200 || took > 50*time.Millisecond {
							w.Errorf("known key: %d after %s, want 200 at once", status, took)
						}
						time.Sleep(20 * time.Millisecond)
					}
				}()
				waited := 0
				for i := range 10 { // spread over a second
					statuses, slowest := w.crowd(tokens[i*1000 : (i+1)*1000])
					if statuses[200] > 0 || statuses[500] > 0 || slowest > 3*time.Second {
						w.Errorf("got %s, slowest %s; want 401 and 503 only, within 3s", summary(statuses), slowest)
					}
					if slowest > 0 {
						waited++
					}
					time.Sleep(100 * time.Millisecond)
				}
				<-done
				w.Logf("%d of 10 crowds had requests that waited, %d fetches in %s", waited, w.fetches()-before, time.Since(began))
				runtime.GC()
				runtime.ReadMemStats(&after)
				if grown := int64(after.HeapAlloc) - int64(memory.HeapAlloc); grown > 8<<20 {
					w.Errorf("heap grew by %d bytes", grown)
				}
				w.spaced(5 * time.Second)
			})
		})
	}
}

func TestAtMost64RequestsWait(t *testing.T) { // design decision 9
	inWorld(t, func(w *world) {
		w.expect("first", w.token(), http.StatusOK)
		time.Sleep(time.Minute)
		w.issuer.Fail(resourcetest.JWKS, resourcetest.Failure{Hang: true})
		statuses, slowest := w.crowd(repeat(64, func(i int) string { return w.unknown(i, time.Now()) }))
		if statuses[503] != 64 || slowest != 3*time.Second {
			w.Errorf("64 requests: got %s, slowest %s; want 64×503 after 3s", summary(statuses), slowest)
		}
		time.Sleep(time.Minute)
		waiting := make(chan struct{})
		go func() {
			defer close(waiting)
			w.crowd(repeat(64, func(i int) string { return w.unknown(i, time.Now()) }))
		}()
		time.Sleep(time.Second)
		if status, took := w.ask(w.unknown(65, time.Now())); status != 503 || took != 0 {
			w.Errorf("the 65th: got %d after %s, want 503 at once", status, took)
		}
		<-waiting
		time.Sleep(time.Minute)
		if _, took := w.ask(w.unknown(66, time.Now())); took == 0 {
			w.Error("after the others have gone nobody may wait any more: their places were not given back")
		}
	})
}

func TestNewKeyDuringAFlood(t *testing.T) { // bad-inputs 183
	inWorld(t, func(w *world) {
		w.expect("first", w.token(), http.StatusOK)
		time.Sleep(time.Minute)
		began := time.Now()
		var published time.Time
		var fresh string
		for i := 0; time.Since(began) < 15*time.Second; i++ {
			go w.ask(w.unknown(i, time.Now())) // a new one every 10 ms, for as long as it takes
			if published.IsZero() && time.Since(began) > 2*time.Second {
				w.issuer.Rotate("")
				published, fresh = time.Now(), w.token()
			}
			if !published.IsZero() && i%10 == 0 {
				switch status, _ := w.ask(fresh); {
				case status == 401:
					w.Fatalf("401 %s after its key was published", time.Since(published))
				case status != 200 && time.Since(published) > 5*time.Second:
					w.Fatalf("%d %s after its key was published", status, time.Since(published))
				}
			}
			time.Sleep(10 * time.Millisecond)
		}
		w.expect("in the end", fresh, http.StatusOK)
		w.spaced(5 * time.Second)
		time.Sleep(3 * time.Second)
	})
}

func TestOldTokenWithUnknownKeyIsRefusedAtOnce(t *testing.T) { // decision 9: inside the window, iat before the fetch
	inWorld(t, func(w *world) {
		issued := time.Now()
		time.Sleep(time.Minute)
		w.expect("first", w.token(), http.StatusOK)
		time.Sleep(time.Second)
		if status, took := w.ask(w.unknown(1, issued)); status != 401 || took != 0 || w.fetches() != 1 {
			w.Errorf("got %d after %s with %d fetches, want 401 at once with 1", status, took, w.fetches())
		}
	})
}

func TestBadSignatures(t *testing.T) { // bad-inputs 184
	inWorld(t, func(w *world) {
		w.expect("first", w.token(), http.StatusOK)
		time.Sleep(time.Minute)
		for range 20 {
			statuses, _ := w.crowd(repeat(50, func(int) string { return w.issuer.Token(resourcetest.Token{Fault: resourcetest.WrongSignature}) }))
			if statuses[401]+statuses[503] != 50 {
				w.Errorf("got %s, want 401 and 503 only", summary(statuses))
			}
			time.Sleep(time.Second)
		}
		w.spaced(5 * time.Second)
		time.Sleep(time.Minute)
		w.expect("a lone one, after a fetch", w.issuer.Token(resourcetest.Token{Fault: resourcetest.WrongSignature}), http.StatusUnauthorized)
	})
}

func TestKeyReplacedUnderItsOldID(t *testing.T) { // bad-inputs 188
	inWorld(t, func(w *world) {
		w.expect("first", w.token(), http.StatusOK)
		time.Sleep(4 * time.Minute)
		w.issuer.ReplaceUnderSameKid(w.issuer.SigningKeyID(""))
		w.expect("the new key at once, no fetch having been forced lately", w.token(), http.StatusOK)
		w.issuer.ReplaceUnderSameKid(w.issuer.SigningKeyID(""))
		replaced, token := time.Now(), w.token()
		for status := 0; status != 200; time.Sleep(100 * time.Millisecond) {
			if status, _ = w.ask(token); status == 401 || time.Since(replaced) > 5*time.Second {
				w.Fatalf("%d %s after the key was replaced", status, time.Since(replaced))
			}
		}
		w.spaced(5 * time.Second)
	})
}

func TestTokenWithoutKeyID(t *testing.T) { // bad-inputs 123
	inWorld(t, func(w *world) {
		nameless := func() string {
			return w.issuer.Token(resourcetest.Token{Header: map[string]any{"kid": resourcetest.Remove}})
		}
		w.expect("one key fits", nameless(), http.StatusOK)
		w.issuer.Publish("RS256")
		time.Sleep(16 * time.Minute)
		w.expect("one of two fits the algorithm", nameless(), http.StatusOK)
		time.Sleep(16 * time.Minute)
		w.issuer.Publish("ES256")
		time.Sleep(16 * time.Minute)
		w.expect("starts the refresh", w.token(), http.StatusOK)
		time.Sleep(time.Minute)
		w.expect("two fit", nameless(), http.StatusUnauthorized)
	})
}
