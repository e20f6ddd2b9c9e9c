package introspect

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/warder-go/warder/resource"
)

// digest identifies a token. Tokens themselves are kept only while they are asked
// about.
type digest [sha256.Size]byte

// Afterglow is how long an answer that accepts a token is shared after it has come, or
// Config.AnswerTTL if that is less; not at all if it is negative. It covers the moment between the answer and its
// being remembered by the resource, in which a request would find neither, and is
// longer than a busy machine makes anybody wait in between.
const Afterglow = 250 * time.Millisecond

// flights makes requests with the same token share one call. The zero value is ready.
//
// It is not x/sync/singleflight, which can't tell that all who waited have left: a
// call that is still in the queue then is given up, so that a flood of requests that
// hang up does not keep the queue full.
type flights struct {
	afterglow time.Duration
	mu        sync.Mutex
	all       map[digest]*flight
}

// flight is one call, from its place in the queue to its answer.
type flight struct {
	done     chan struct{} // closed when the four below are final
	claims   *resource.Claims
	failed   *failure
	came     time.Time // when the answer did
	panicked any

	// Guarded by flights.mu.
	waiting int                // requests that want the answer
	begun   bool               // it has left the queue
	giveUp  context.CancelFunc // ends its wait in the queue
	until   time.Time          // end of the afterglow; zero: it has not begun
}

// do returns a flight that is over. run makes it and is run once for all who ask for the key at the
// same time. It leaves when ctx ends; run goes on for the others. The context of run
// ends only if all have left before run calls begin.
func (fs *flights) do(ctx context.Context, key digest, run func(context.Context, *flight) (*resource.Claims, *failure)) (*flight, error) {
	f := fs.join(key, run)
	select {
	case <-f.done:
	case <-ctx.Done():
		fs.leave(key, f)
		return nil, context.Cause(ctx)
	}
	if f.panicked != nil {
		panic(f.panicked) // where it is caught and answered as any panic of a configured function
	}
	return f, nil
}

func (fs *flights) join(key digest, run func(context.Context, *flight) (*resource.Claims, *failure)) *flight {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f := fs.all[key]
	if f == nil || !f.until.IsZero() && !time.Now().Before(f.until) { // a timer may be late
		ctx, giveUp := context.WithCancel(context.Background()) // not the request's: others wait too
		f = &flight{done: make(chan struct{}), giveUp: giveUp}
		if fs.all == nil {
			fs.all = map[digest]*flight{}
		}
		fs.all[key] = f
		go fs.fly(ctx, key, f, run)
	}
	f.waiting++
	return f
}

func (fs *flights) fly(ctx context.Context, key digest, f *flight, run func(context.Context, *flight) (*resource.Claims, *failure)) {
	defer f.giveUp()
	defer func() {
		f.panicked = recover()
		if f.claims != nil && fs.afterglow > 0 {
			fs.glow(f)
			time.AfterFunc(fs.afterglow, func() { fs.remove(key, f) })
		} else {
			fs.remove(key, f)
		}
		close(f.done)
	}()
	f.claims, f.failed = run(ctx, f)
}

func (fs *flights) glow(f *flight) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f.until = f.came.Add(fs.afterglow)
}

// begin is called when a flight leaves the queue, and reports whether anybody still
// waits for it.
func (fs *flights) begin(f *flight) bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f.begun = f.waiting > 0
	return f.begun
}

func (fs *flights) leave(key digest, f *flight) {
	fs.mu.Lock()
	f.waiting--
	over := f.waiting == 0 && !f.begun
	if over && fs.all[key] == f {
		delete(fs.all, key) // under the same lock: nobody joins what is given up
	}
	fs.mu.Unlock()
	if over {
		f.giveUp()
	}
}

func (fs *flights) remove(key digest, f *flight) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.all[key] == f {
		delete(fs.all, key)
	}
}

// detach lets nobody join what is under way.
func (fs *flights) detach() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	clear(fs.all)
}
