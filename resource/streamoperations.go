package resource

import (
	"net/http"

	"github.com/warder-go/warder/internal/mcpmsg"
)

// streamOperations are the operations of the request that opened a stream, and what they need.
type streamOperations struct {
	policy   *policy // by which requires was determined
	requires requirements
	messages []*mcpmsg.Message // nil: the body was not read
}

// operationsOf copies what rules read of the messages. It keeps no part of the body.
func operationsOf(p *policy, granted permission) *streamOperations {
	o := &streamOperations{policy: p, requires: granted.requirements}
	for _, m := range granted.messages {
		kept := *m
		kept.ID, kept.Arguments = nil, nil
		o.messages = append(o.messages, &kept)
	}
	return o
}

// needs returns what the operations need by a policy, which can be another than the one that
// accepted the request: see Replace.
func (o *streamOperations) needs(p *policy, req *http.Request, caller *Caller) (requirements, *fault) {
	switch {
	case p == o.policy:
		return o.requires, nil
	case p.rules == nil || !mcpmsg.MayCarryMessage(req):
		return requirements{needed: p.scopes}, nil
	case o.messages == nil:
		return requirements{}, newFault(ReasonOperationUndeclared, "the configuration has rules now, and the body of the request was not read")
	}
	needs, f := p.rules.needs(req.Context(), o.messages, caller, p.scopes, nil)
	if f == nil {
		o.policy, o.requires = p, needs
	}
	return needs, f
}
