package valkey

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	valkeygo "github.com/valkey-io/valkey-go"
)

// Errors of Watch.
var (
	errSubscriptionEnded = errors.New("the subscription has ended")
	errOtherPrimary      = errors.New("another server has become the primary")
)

// Watch implements revocation.Store. It opens a connection of its own, so that a slow notify does
// not delay calls. It calls notify when the subscription begins too, because messages before that
// are lost. It ends with an error when the connection is lost, and when the store has connected to
// another primary. If it is called again, it connects a second after the call before at the
// earliest.
func (r revocations) Watch(ctx context.Context, notify func()) error {
	err := r.watch(ctx, notify)
	if err == nil {
		err = errSubscriptionEnded
	}
	return fmt.Errorf("valkey: watch: %s", describe(err))
}

func (r revocations) watch(ctx context.Context, notify func()) error {
	w := &watch{}
	ctx, w.cancel = context.WithCancelCause(ctx)
	defer w.cancel(nil)
	defer r.store.watches.add(w)()
	if err := r.store.pace.wait(ctx); err != nil {
		return context.Cause(ctx)
	}
	f := r.store.newFinder()
	defer f.closeSentinel()
	attempt, cancelAttempt := context.WithTimeout(ctx, attemptTimeout)
	c, _, err := f.find(attempt)
	cancelAttempt()
	if err != nil {
		return err
	}
	defer c.close()
	f.closeSentinel()
	r.store.watches.connected(w, c.address)
	subscribed := valkeygo.WithOnSubscriptionHook(ctx, func(s valkeygo.PubSubSubscription) {
		if s.Kind == "subscribe" {
			notify()
		}
	})
	channel := c.client.B().Subscribe().Channel(r.store.names.channel).Build()
	err = c.client.Receive(subscribed, channel, func(valkeygo.PubSubMessage) { notify() })
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// pace permits one event per attemptInterval. The zero value is ready for use.
type pace struct {
	mu   sync.Mutex
	next time.Time
}

// wait waits for the turn of the caller, or until ctx ends.
func (p *pace) wait(ctx context.Context) error {
	now := time.Now()
	p.mu.Lock()
	turn := p.next
	if turn.Before(now) {
		turn = now
	}
	p.next = turn.Add(attemptInterval)
	p.mu.Unlock()
	timer := time.NewTimer(turn.Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
