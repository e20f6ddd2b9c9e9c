package introspect_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

var errStore = errors.New("store: test failure")

// If the store fails, the process makes its own call. No token is rejected because of the store.
func TestStoreFails(t *testing.T) {
	failing := func(names string) func(context.Context, string) error {
		return func(_ context.Context, operation string) error {
			if strings.Contains(names, operation+" ") {
				return errStore
			}
			return nil
		}
	}
	hanging := func(names string) func(context.Context, string) error {
		return func(ctx context.Context, operation string) error {
			if strings.Contains(names, operation+" ") {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
	}
	for _, row := range []struct {
		name    string
		before  func(context.Context, string) error
		timeout time.Duration // of the configuration
		took    time.Duration // without the 20 ms of the call
		counts  string        // operations for one token
	}{
		{"reads fail", failing("Get "), 0, 0, "map[Get:1]"},
		{"locks fail", failing("PutNew "), 0, 0, "map[Get:1 PutNew:1]"},
		{"writes fail", failing("Put "), 0, 0, "map[Get:1 Put:1 PutNew:1]"},
		{"everything fails", failing("Get PutNew Put Purge "), 0, 0, "map[Get:1]"},
		{"reads hang", hanging("Get "), 0, 250 * time.Millisecond, "map[Get:1]"},
		{"locks hang", hanging("PutNew "), 0, 250 * time.Millisecond, "map[Get:1 PutNew:1]"},
		{"writes hang", hanging("Put "), 0, 250 * time.Millisecond, "map[Get:1 Put:1 PutNew:1]"},
		{"reads hang, short timeout", hanging("Get "), 100 * time.Millisecond, 20 * time.Millisecond, "map[Get:1]"},
	} {
		t.Run(row.name, func(t *testing.T) {
			inProcesses(t, 1, func(_ int, _ *resource.Config, c *introspect.Config) { c.Timeout = row.timeout }, func(store *memoryAnswers, processes []*fixture) {
				fx := processes[0]
				store.setBefore(row.before)
				if got := fx.expect("valid token", fx.token(resourcetest.Token{}), 200, ""); got.took != row.took+20*time.Millisecond {
					t.Errorf("took %s, want %s", got.took, row.took+20*time.Millisecond)
				}
				if got := fmt.Sprint(store.counts); got != row.counts {
					t.Errorf("got operations %s, want %s", got, row.counts)
				}
				fx.expect("unknown token", unknownToken(1), 401, resource.ReasonInactive)
				fx.expectCalls(2)
				if got := fx.sharedAnswers(); !strings.Contains(got, "unavailable=2") {
					t.Errorf("got %q, want unavailable=2", got)
				}
			})
		})
	}
}

// A failing purge: nothing is read from the store or written to it.
func TestPurgeFails(t *testing.T) {
	inProcesses(t, 2, nil, func(store *memoryAnswers, processes []*fixture) {
		first, second := processes[0], processes[1]
		token := first.token(resourcetest.Token{})
		first.expect("before", token, 200, "")
		first.issuer.Revoke(token)
		store.setBefore(func(_ context.Context, operation string) error {
			if operation == "Purge" {
				return errStore
			}
			return nil
		})
		first.res.Forget(token)
		first.expect("after Forget", token, 401, resource.ReasonInactive)
		first.expectShared("miss=1 unavailable=1")
		second.expect("a process that does not know of the purge", token, 200, "")
		store.setBefore(nil)
		first.request(unknownToken(1))
		if store.currentGeneration() == 0 {
			t.Error("the purge was not repeated")
		}
	})
}

// The log has one record about the store in 10 seconds, however many operations fail.
func TestStoreFailureLog(t *testing.T) {
	inProcesses(t, 1, nil, func(store *memoryAnswers, processes []*fixture) {
		fx := processes[0]
		store.setBefore(func(context.Context, string) error { return errStore })
		count := func() int { return strings.Count(fx.log.String(), "store of shared answers failed") }
		for i := range 100 {
			fx.request(unknownToken(i))
			time.Sleep(50 * time.Millisecond)
		}
		if count() != 1 || !strings.Contains(fx.log.String(), "store: test failure") {
			t.Errorf("got %d records, want 1 with the error", count())
		}
		time.Sleep(10 * time.Second)
		fx.request(unknownToken(1000))
		if count() != 2 {
			t.Errorf("got %d records 10 s later, want 2", count())
		}
	})
}

// A panic of the store is like one of the other functions in the configuration: the request gets
// 500, and nothing else is affected.
func TestStorePanics(t *testing.T) {
	for _, panicking := range []string{"Get", "PutNew", "Put", "Purge"} {
		t.Run(panicking, func(t *testing.T) {
			inProcesses(t, 1, nil, func(store *memoryAnswers, processes []*fixture) {
				fx := processes[0]
				fx.issuer.Reset()
				store.setBefore(func(_ context.Context, operation string) error {
					if operation == panicking {
						panic("test-panic")
					}
					return nil
				})
				fx.verifier.Forget() // the next lookup purges
				for i := range 1800 {
					if got := fx.request(unknownToken(i)); got.status != 500 {
						fx.Fatalf("request %d: got %d, want 500", i, got.status)
					}
					if i%600 == 599 {
						time.Sleep(10 * time.Second) // the budget for locks is available again
					}
				}
				store.setBefore(nil)
				fx.expect("afterwards", fx.token(resourcetest.Token{}), 200, "")
				if got := fx.sharedAnswers(); !strings.Contains(got, "miss=1") || strings.Contains(got, "skipped") {
					t.Errorf("got %s: no lock was taken", got)
				}
			})
		})
	}
}

// A panic in the call, after the lock was taken: the lock is removed.
func TestPanicInCallRemovesLock(t *testing.T) {
	inProcesses(t, 1, func(_ int, _ *resource.Config, c *introspect.Config) {
		c.Auth = introspect.ClientAuth{ClientID: "test-client", ClientSecretFunc: func(context.Context) (string, error) { panic("test-panic") }}
	}, func(store *memoryAnswers, processes []*fixture) {
		fx := processes[0]
		for i := range 1010 { // the first 1000 use up the budget for locks, because no token is accepted
			if got := fx.request(unknownToken(i)); got.status != 500 {
				fx.Fatalf("got %d, want 500", got.status)
			}
		}
		if n := len(store.present()); n != 0 {
			t.Errorf("got %d values, want 0", n)
		}
		fx.expectShared("miss=1000 skipped=10")
	})
}

// callCounter counts the calls for each token.
type callCounter struct {
	http.RoundTripper
	mu    sync.Mutex
	calls map[string]int
}

func (c *callCounter) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := req.GetBody()
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(text))
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.calls[form.Get("token")]++
	c.mu.Unlock()
	return c.RoundTripper.RoundTrip(req)
}

// A store that loses operations at random, silently or with an error, costs calls: at most one for
// each token and process. No decision is wrong.
func TestStoreLosesOperations(t *testing.T) {
	counter := &callCounter{calls: map[string]int{}}
	lossy := &lossyAnswers{memoryAnswers: newMemoryAnswers()}
	inProcesses(t, 6, func(process int, _ *resource.Config, c *introspect.Config) {
		if process == 0 {
			counter.RoundTripper = c.Transport
		}
		c.Transport, c.Answers = counter, lossy
	}, func(_ *memoryAnswers, processes []*fixture) {
		issuer := processes[0].issuer
		tokens := repeat(100, func(i int) string {
			if i < 80 {
				return issuer.OpaqueToken(resourcetest.Token{Subject: fmt.Sprint("user-", i)})
			}
			return unknownToken(i)
		})
		var all sync.WaitGroup
		for _, fx := range processes {
			for range 20 {
				all.Go(func() { fx.expectTokens(tokens) })
			}
		}
		all.Wait()
		for _, token := range tokens {
			if n := counter.calls[token]; n < 1 || n > 6 {
				t.Errorf("got %d calls for a token, want 1 to 6", n)
			}
		}
		if n := processes[0].calls(); n < 101 {
			t.Errorf("got %d calls in total: the store has lost nothing", n)
		}
	})
}

// lossyAnswers loses a third of all operations.
type lossyAnswers struct{ *memoryAnswers }

// lost returns whether an operation is lost, and its error.
func (lossyAnswers) lost() (bool, error) {
	switch rand.IntN(6) {
	case 0:
		return true, errStore
	case 1:
		return true, nil
	}
	return false, nil
}

func (l lossyAnswers) Get(ctx context.Context, key introspect.AnswerKey) ([]byte, int64, error) {
	if lost, err := l.lost(); lost {
		return nil, 0, err
	}
	return l.memoryAnswers.Get(ctx, key)
}

func (l lossyAnswers) Put(ctx context.Context, key introspect.AnswerKey, value []byte, ttl time.Duration) error {
	if lost, err := l.lost(); lost {
		return err
	}
	return l.memoryAnswers.Put(ctx, key, value, ttl)
}

func (l lossyAnswers) PutNew(ctx context.Context, key introspect.AnswerKey, value []byte, ttl time.Duration) (bool, error) {
	if lost, err := l.lost(); lost {
		return rand.IntN(2) == 0, err
	}
	return l.memoryAnswers.PutNew(ctx, key, value, ttl)
}
