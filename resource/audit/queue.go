package audit

import (
	"time"

	"github.com/warder-go/warder/resource"
)

// entry is a queued event.
type entry struct {
	event    resource.Event
	sequence uint64
}

// queue is a bounded FIFO queue of events of one kind. [Log] guards it.
type queue struct {
	name         string  // "accepted" or "other"
	ring         []entry // of fixed size, so that queuing allocates nothing
	start, count int
	dropped      dropped
	dropDue      int // number of events to take before the dropped events are reported
}

// dropped describes events that did not fit in a queue and have not been reported.
type dropped struct {
	count       int
	resource    string
	first, last uint64 // sequence numbers
	since, till time.Time
}

func newQueue(name string, size int) queue { return queue{name: name, ring: make([]entry, size)} }

// add appends an event. If the queue is full, it notes the event as dropped and returns
// false. The dropped events are reported after the events that are in the queue now.
func (q *queue) add(e entry) bool {
	if q.count < len(q.ring) {
		q.ring[(q.start+q.count)%len(q.ring)] = e
		q.count++
		return true
	}
	if q.dropped.count == 0 {
		q.dropDue = q.count
	}
	q.dropped.include(dropped{1, e.event.Resource, e.sequence, e.sequence, e.event.Time, e.event.Time})
	return false
}

// take removes the oldest event, unless its sequence number is greater than last.
func (q *queue) take(last uint64) (e entry, ok bool) {
	if q.count == 0 || q.ring[q.start].sequence > last {
		return entry{}, false
	}
	e, q.ring[q.start] = q.ring[q.start], entry{}
	q.start, q.count = (q.start+1)%len(q.ring), q.count-1
	q.dropDue--
	return e, true
}

// takeDueDropped returns the dropped events if it is time to report them. That is once per
// length of the queue, so that a lasting flood does not double the number of records.
func (q *queue) takeDueDropped() dropped {
	if q.dropDue > 0 {
		return dropped{}
	}
	return q.takeDropped()
}

func (q *queue) takeDropped() dropped {
	d := q.dropped
	q.dropped = dropped{}
	return d
}

// putBackDropped is called with dropped events that could not be reported. They are due
// after the next event.
func (q *queue) putBackDropped(d dropped) {
	d.include(q.dropped)
	q.dropped, q.dropDue = d, 1
}

// include adds later events.
func (d *dropped) include(later dropped) {
	switch {
	case later.count == 0:
	case d.count == 0:
		*d = later
	default:
		d.count, d.last, d.till = d.count+later.count, later.last, later.till
	}
}
