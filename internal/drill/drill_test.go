package drill_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// How long the phases of a scenario take.
const (
	steadyTime = 6 * time.Second // before the first fault
	calmTime   = 4 * time.Second // after the last stated window
)

// A scenario is one kind of failure, with requests before, during and after it.
type scenario struct {
	name     string
	settings func(t *testing.T, s *settings) // starts the store
	fail     func(ctx context.Context, d *drill)
}

// A drill is a scenario in progress.
type drill struct {
	t        *testing.T
	fleet    *fleet
	record   *record
	traffic  *traffic
	streams  *streams
	samples  *samples
	faults   faults
	start    time.Time
	measured time.Time
}

// run runs a scenario and returns its row of the table.
func run(t *testing.T, sc scenario, slack time.Duration) row {
	t.Helper()
	s := settings{window: proofWindow, introspect: true}
	sc.settings(t, &s)
	d := &drill{t: t, record: &record{}, samples: newSamples("start"), start: time.Now()}
	d.fleet = startFleet(t, s)
	d.traffic = newTraffic(d.fleet, d.record)
	d.streams = openStreams(t, d.fleet)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	var measuring sync.WaitGroup
	var late time.Duration
	measuring.Go(func() { d.samples.run(ctx, d.fleet) })
	measuring.Go(func() { late = lateness(ctx) })
	d.traffic.remember(ctx)
	d.awaitProofs(ctx)
	calls := d.fleet.calls()
	d.traffic.start(ctx)
	d.samples.enter("steady")
	d.measured = time.Now()
	pause(ctx, steadyTime)
	d.samples.enter("faults")
	sc.fail(ctx, d)
	d.settle(ctx)
	early := d.streams.early()
	d.checkNewProcess(ctx)
	took, ended := d.streams.revoke(d.fleet)
	d.traffic.stop()
	d.samples.enter("end")
	for _, p := range d.fleet.processes {
		d.samples.sample(ctx, p)
	}
	cancel()
	measuring.Wait()
	result := d.result(sc.name, slack)
	result.calls, result.late = d.fleet.calls()-calls, late
	result.checkStreams(early, took, ended, slack)
	return result
}

// awaitProofs waits until each process accepts proofs: the store is new, so all proofs could have been lost.
func (d *drill) awaitProofs(ctx context.Context) {
	d.t.Helper()
	for process := range processes {
		d.fleet.wait(fmt.Sprintf("process %d accepts proofs", process+1), startLimit+2*d.fleet.settings.window, func(context.Context) bool {
			_, a := d.traffic.sendProof(ctx, process, bound, &d.traffic.holders[process%proofKeys])
			return a.accepted()
		})
	}
}

// fault breaks the store, waits, and repairs it. Then it replays all proofs several times.
func (d *drill) fault(ctx context.Context, what effects, fail, broken, repair func()) {
	one := fault{begin: time.Now(), what: what}
	fail()
	one.gone = time.Now()
	broken()
	one.end = time.Now()
	repair()
	one.back = time.Now()
	d.faults.add(one)
	for range 3 {
		d.traffic.replayAll(ctx)
		pause(ctx, time.Second)
	}
}

// hold returns a function that waits.
func hold(ctx context.Context, t time.Duration) func() { return func() { pause(ctx, t) } }

// settle waits until the windows of the last fault are over, and then for some more time.
func (d *drill) settle(ctx context.Context) {
	d.faults.mu.Lock()
	last := d.faults.all[len(d.faults.all)-1]
	d.faults.mu.Unlock()
	until := last.back.Add(reconnect + calmTime)
	if last.what.lost {
		until = until.Add(clockSkew + d.fleet.settings.window + wholeSecond)
	}
	pause(ctx, time.Until(until))
}

// restart ends a process and starts it again. It does not wait until the process is ready, if the
// store is away.
func (d *drill) restart(process int, storeAway bool) {
	d.t.Helper()
	p := d.fleet.processes[process]
	d.streams.forget(p.number)
	one := downtime{process: p.number, begin: time.Now()}
	p.kill()
	one.killed = time.Now()
	if err := p.start(); err != nil {
		d.t.Fatal(err)
	}
	one.end = time.Now()
	if !storeAway {
		d.fleet.waitReady(p)
	}
	one.ready = time.Now()
	d.faults.addDowntime(one)
}

// checkNewProcess starts a process again, and sends all revoked tokens to it: all revocations must be in the
// store.
func (d *drill) checkNewProcess(ctx context.Context) {
	d.t.Helper()
	const process = processes - 1
	d.restart(process, false)
	if err := d.streams.openOne(d.fleet, d.fleet.processes[process]); err != nil {
		d.t.Errorf("opening a stream at a process that has just started: %v", err)
	}
	for _, token := range d.traffic.remembered {
		d.traffic.do(ctx, process, unseen, token, "", 0)
	}
	for _, r := range d.traffic.revocations.list() {
		if time.Since(r.added) > seenWithin {
			if a, _ := d.traffic.do(ctx, process, revoked, r.token, "", r.number); a.status != http.StatusUnauthorized {
				d.t.Errorf("revocation %d: a process that has just started answered %d", r.number, a.status)
			}
		}
	}
}
