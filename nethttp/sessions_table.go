package nethttp

import (
	"container/list"
	"crypto/sha256"
	"sync"
)

// sessionTable knows whose each session is. It holds digests only, so an entry takes
// the same room whatever server and issuer call things.
type sessionTable struct {
	most, perCaller int
	adopt           bool // unknown sessions

	mu     sync.Mutex
	bound  map[sessionDigest]*binding
	owners map[sessionDigest]*sessionOwner
	recent list.List // of *binding, those used last in front
}

type sessionDigest [sha256.Size]byte

func digestOf(text string) sessionDigest { return sha256.Sum256([]byte(text)) }

type binding struct {
	id         sessionDigest
	owner      *sessionOwner
	inAll, own *list.Element
}

type sessionOwner struct {
	id     sessionDigest
	recent list.List // of *binding, this owner's
}

// sessionState is what a session is to a caller.
type sessionState int

const (
	sessionUnknown sessionState = iota
	sessionForeign
	sessionOwn
)

func newSessionTable(most, perCaller int, adopt bool) *sessionTable {
	return &sessionTable{most: most, perCaller: perCaller, adopt: adopt,
		bound: map[sessionDigest]*binding{}, owners: map[sessionDigest]*sessionOwner{}}
}

// claim tells whose the session is that a caller names.
func (t *sessionTable) claim(session, caller string) sessionState {
	id, owner := digestOf(session), digestOf(caller)
	t.mu.Lock()
	defer t.mu.Unlock()
	switch b := t.bound[id]; {
	case b == nil && t.adopt:
		t.add(id, owner)
	case b == nil:
		return sessionUnknown
	case b.owner.id != owner:
		return sessionForeign
	default:
		t.touch(b)
	}
	return sessionOwn
}

// bind makes the session the caller's, unless it is somebody else's already.
func (t *sessionTable) bind(session, caller string) bool {
	id, owner := digestOf(session), digestOf(caller)
	t.mu.Lock()
	defer t.mu.Unlock()
	switch b := t.bound[id]; {
	case b == nil:
		t.add(id, owner)
	case b.owner.id != owner:
		return false
	default:
		t.touch(b)
	}
	return true
}

// forget drops a session of the caller's.
func (t *sessionTable) forget(session, caller string) {
	id, owner := digestOf(session), digestOf(caller)
	t.mu.Lock()
	defer t.mu.Unlock()
	if b := t.bound[id]; b != nil && b.owner.id == owner {
		t.drop(b)
	}
}

// add makes room first: in the caller's own share, else among all.
func (t *sessionTable) add(id, owner sessionDigest) {
	if o := t.owners[owner]; o != nil && o.recent.Len() >= t.perCaller {
		t.dropLast(&o.recent)
	} else if len(t.bound) >= t.most {
		t.dropLast(&t.recent)
	}
	o := t.owners[owner]
	if o == nil {
		o = &sessionOwner{id: owner}
		t.owners[owner] = o
	}
	b := &binding{id: id, owner: o}
	b.inAll, b.own = t.recent.PushFront(b), o.recent.PushFront(b)
	t.bound[id] = b
}

func (t *sessionTable) touch(b *binding) {
	t.recent.MoveToFront(b.inAll)
	b.owner.recent.MoveToFront(b.own)
}

func (t *sessionTable) dropLast(of *list.List) {
	if last := of.Back(); last != nil {
		if b, ok := last.Value.(*binding); ok {
			t.drop(b)
		}
	}
}

func (t *sessionTable) drop(b *binding) {
	delete(t.bound, b.id)
	t.recent.Remove(b.inAll)
	b.owner.recent.Remove(b.own)
	if b.owner.recent.Len() == 0 {
		delete(t.owners, b.owner.id)
	}
}
