package keyset

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/warder-go/warder/internal/outbound"
)

// Function is a key set that a function of the program returns. The function is called for each
// fetch. It has the same limits as a server: its context ends after 5 s, and its result has at
// most [outbound.DefaultMaxBytes].
type Function struct {
	call    func(context.Context) ([]byte, error)
	running atomic.Bool
}

// NewFunction returns a source. It does not call the function.
func NewFunction(call func(context.Context) ([]byte, error)) *Function { return &Function{call: call} }

var errStillRunning = errors.New("keyset: KeysFunc has not returned from its previous call, although its context has ended")

// Fetch calls the function. If the function ignores the end of ctx, Fetch returns without its
// result, and further calls of Fetch fail until the function has returned.
func (f *Function) Fetch(ctx context.Context, bypassCaches bool) (Document, error) {
	if !f.running.CompareAndSwap(false, true) {
		return Document{}, &Error{Outcome: string(outbound.Timeout), Err: errStillRunning}
	}
	type result struct {
		body []byte
		err  error
	}
	results := make(chan result, 1)
	go func() {
		r := result{err: &Error{Outcome: "panic", Err: errors.New("keyset: KeysFunc panicked")}}
		defer func() {
			_ = recover() // a panic, or runtime.Goexit, leaves the error
			f.running.Store(false)
			results <- r
		}()
		r.body, r.err = f.call(ctx)
	}()
	select {
	case r := <-results:
		return f.document(r.body, r.err, bypassCaches)
	case <-ctx.Done():
		return Document{}, &Error{Outcome: string(outbound.Timeout), Err: fmt.Errorf("keyset: KeysFunc took longer than %s", fetchTimeout)}
	}
}

func (f *Function) document(body []byte, err error, bypassCaches bool) (Document, error) {
	switch {
	case err != nil:
		if _, ok := errors.AsType[*Error](err); !ok {
			err = &Error{Outcome: "other", Err: fmt.Errorf("keyset: KeysFunc: %w", err)}
		}
		return Document{}, err
	case len(body) > outbound.DefaultMaxBytes:
		return Document{}, &Error{Outcome: string(outbound.TooLarge), Err: fmt.Errorf("keyset: KeysFunc returned more than %d bytes", outbound.DefaultMaxBytes)}
	}
	return Document{Body: body, Complete: bypassCaches, From: "KeysFunc"}, nil
}
