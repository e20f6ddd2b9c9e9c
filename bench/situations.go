package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A situation is what happened to a contender when its key server misbehaved: counts,
// no times but those of whole seconds.
type situation struct {
	contender string
	counts    []string // in the order of situationNames
}

var situationNames = []string{
	"cold start, 100 at once: accepted / fetches",
	"1,000 junk kids: fetches, good tokens accepted meanwhile",
	"a new key, in peace: accepted after",
	"a new key, while junk floods: accepted after",
	"a new key, server hangs 10 s: good tokens accepted within 1 s",
	"server down for an unknown kid: good tokens accepted, status of the unknown",
	"a key under its old kid: accepted after",
	"cold start at a dead server: status",
}

const (
	patience = 12 * time.Second // how long a new key is waited for, and a start
	quiet    = 6 * time.Second  // since the last fetch, so that none is too early
)

// keyServerSituations runs each contender through all of them, contenders beside one
// another, since most of the time is spent waiting.
func keyServerSituations(ctx context.Context) []situation {
	all := contenders()
	out := make([]situation, len(all))
	var group sync.WaitGroup
	for i, c := range all {
		group.Go(func() { out[i] = situation{c.name, situationsOf(ctx, c)} })
	}
	group.Wait()
	return out
}

// site is a contender with a key server of its own, and counters.
type site struct {
	server  *keyServer
	handler http.Handler
	close   func()
}

// newSite returns false if the contender does not start: some panic or wait as long as
// they get no keys.
func newSite(ctx context.Context, c contender, signers ...signer) (s site, ok bool) {
	ctx, cancel := context.WithCancel(ctx)
	s.server = newKeyServer(signers...)
	if len(signers) == 0 {
		s.server.behave(0, true)
	}
	s.close = func() { cancel(); go s.server.Close() }
	made := make(chan http.Handler)
	go func() {
		defer func() {
			if recover() != nil {
				close(made)
			}
		}()
		made <- c.make(ctx, s.server.URL, inner)
	}()
	select {
	case s.handler, ok = <-made:
	case <-time.After(patience):
	}
	if !ok {
		s.close()
	}
	return s, ok
}

// try returns the status of a request with the token, and whether it was accepted.
func (s site) try(token string) (status int, accepted bool) {
	w := nobody{http.Header{}, http.StatusOK}
	s.handler.ServeHTTP(&w, request(token))
	return w.status, w.status == http.StatusOK
}

// until tries fresh tokens until one is accepted, and says how long that took.
func (s site) until(key signer) string {
	begun := time.Now()
	for n := 0; time.Since(begun) < patience; n++ {
		if _, ok := s.try(key.sign(freshToken(n))); ok {
			return time.Since(begun).Round(100 * time.Millisecond).String()
		}
		time.Sleep(50 * time.Millisecond) // a client's pause
	}
	return fmt.Sprintf("not in %s", patience)
}

// freshToken was issued this very second, as tokens of a new key are.
func freshToken(n int) claims {
	c := accessToken(n, 700)
	c["iat"] = time.Now().Unix()
	return c
}

func situationsOf(ctx context.Context, c contender) (counts []string) {
	old, next, junk := newSigner("ES256", "old"), newSigner("ES256", "next"), newSigner("ES256", "junk")
	report := func(format string, args ...any) { counts = append(counts, fmt.Sprintf(format, args...)) }
	good := func(n int) string { return old.token(n, 700) }
	forged := func(n int) string {
		s := junk
		s.kid = fmt.Sprintf("junk-%d", n)
		return s.token(n, 700)
	}

	s, _ := newSite(ctx, c, old)
	s.server.behave(100*time.Millisecond, false)
	var accepted atomic.Int64
	atOnce(100, func(n int) {
		if _, ok := s.try(good(n)); ok {
			accepted.Add(1)
		}
	})
	report("%d / %d", accepted.Load(), s.server.fetches.Load())
	s.server.behave(0, false)

	time.Sleep(quiet)
	before, still := s.server.fetches.Load(), 0
	for n := range 1000 {
		s.try(forged(n))
		if n%10 == 0 {
			if _, ok := s.try(good(1000 + n)); ok {
				still++
			}
		}
	}
	report("%d, %d of 100", s.server.fetches.Load()-before, still)
	s.close()

	s, _ = newSite(ctx, c, old)
	s.try(good(1))
	time.Sleep(quiet)
	s.server.publish(old, next)
	report("%s", s.until(next))
	s.close()

	s, _ = newSite(ctx, c, old)
	s.try(good(1))
	flooding, calm := context.WithCancel(ctx)
	var flood sync.WaitGroup
	flood.Go(func() {
		for n := 0; flooding.Err() == nil; n++ {
			s.try(forged(n))
			time.Sleep(time.Millisecond) // a thousand a second and contender is enough
		}
	})
	time.Sleep(100 * time.Millisecond) // the flood comes first
	s.server.publish(old, next)
	report("%s", s.until(next))
	calm()
	flood.Wait()
	s.close()

	s, _ = newSite(ctx, c, old)
	s.try(good(1))
	time.Sleep(quiet)
	s.server.publish(old, next)
	s.server.behave(10*time.Second, false)
	var waiting sync.WaitGroup
	for n := range 10 {
		waiting.Go(func() { s.try(next.sign(freshToken(n))) })
	}
	time.Sleep(200 * time.Millisecond) // they hang by now
	var prompt atomic.Int64
	atOnce(20, func(n int) {
		begun := time.Now()
		if _, ok := s.try(good(2 + n)); ok && time.Since(begun) < time.Second {
			prompt.Add(1)
		}
	})
	report("%d of 20", prompt.Load())
	waiting.Wait()
	s.close()

	s, _ = newSite(ctx, c, old)
	s.try(good(1))
	s.server.behave(0, true)
	status, _ := s.try(next.sign(freshToken(1)))
	still = 0
	for n := range 20 {
		if _, ok := s.try(good(2 + n)); ok {
			still++
		}
	}
	report("%d of 20, %d", still, status)
	s.close()

	s, _ = newSite(ctx, c, old)
	s.try(good(1))
	time.Sleep(quiet)
	replaced := next
	replaced.kid = old.kid
	s.server.publish(replaced)
	report("%s", s.until(replaced))
	s.close()

	if s, ok := newSite(ctx, c); ok {
		status, _ = s.try(good(1))
		report("%d", status)
		s.close()
	} else {
		report("does not start")
	}
	return counts
}

func atOnce(n int, do func(n int)) {
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { do(i) })
	}
	group.Wait()
}
