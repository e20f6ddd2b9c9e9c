package drill_test

import (
	"context"
	"sync"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
)

// A proof is a DPoP proof that was sent.
type proof struct {
	number  int
	token   string
	text    string
	expires time.Time // no process accepts it later, used or not
}

// proofs has the proofs that have not expired, in the order in which they will be replayed. It is safe for
// concurrent use.
type proofs struct {
	mu    sync.Mutex
	last  int
	queue []proof
}

// number returns a number for a new proof.
func (p *proofs) number() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last++
	return p.last
}

// add adds a proof at the end of the queue, if it has not expired.
func (p *proofs) add(one proof) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Now().Before(one.expires) {
		p.queue = append(p.queue, one)
	}
}

// take removes the first proof from the queue.
func (p *proofs) take() (one proof, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 {
		return proof{}, false
	}
	one, p.queue = p.queue[0], p.queue[1:]
	return one, true
}

// all returns the proofs in the queue.
func (p *proofs) all() []proof {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]proof(nil), p.queue...)
}

// makeProof makes a new proof of a client, with its newest nonce.
func (t *traffic) makeProof(h *holder) proof {
	nonce := ""
	if newest := h.nonce.Load(); newest != nil {
		nonce = *newest
	}
	now := time.Now()
	text := h.key.Proof(resourcetest.Proof{URL: identifier, Token: h.token, Nonce: nonce, IssuedAt: now})
	return proof{t.proofs.number(), h.token, text, now.Add(t.f.settings.window + time.Second)}
}

// sendBound sends a request with a new proof, again if the process wants a new nonce, and then
// replays the proof at another process at once.
func (t *traffic) sendBound(ctx context.Context, n int) {
	process, h := n%processes, &t.holders[n%proofKeys]
	p, a := t.sendProof(ctx, process, bound, h)
	if a.why == "use_dpop_nonce" {
		t.proofs.add(p)
		p, _ = t.sendProof(ctx, process, again, h)
	}
	t.do(ctx, (process+1+n/processes%(processes-1))%processes, replay, p.token, p.text, p.number)
	t.proofs.add(p)
}

// sendProof sends a request with a new proof, and stores the nonce of the answer.
func (t *traffic) sendProof(ctx context.Context, process int, k kind, h *holder) (proof, answer) {
	p := t.makeProof(h)
	a, nonce := t.do(ctx, process, k, p.token, p.text, p.number)
	if nonce != "" {
		h.nonce.Store(&nonce)
	}
	return p, a
}

// sendReplay replays the proof that was not replayed for the longest time.
func (t *traffic) sendReplay(ctx context.Context, n int) {
	if p, ok := t.proofs.take(); ok {
		t.do(ctx, n%processes, replay, p.token, p.text, p.number)
		t.proofs.add(p)
	}
}

// replayAll sends each proof that has not expired to each process.
func (t *traffic) replayAll(ctx context.Context) {
	all := t.proofs.all()
	var sending sync.WaitGroup
	for process := range processes {
		next := make(chan proof)
		for range maxConcurrent / 2 {
			sending.Go(func() {
				for p := range next {
					t.do(ctx, process, replay, p.token, p.text, p.number)
				}
			})
		}
		sending.Go(func() {
			defer close(next)
			for _, p := range all {
				next <- p
			}
		})
	}
	sending.Wait()
}
