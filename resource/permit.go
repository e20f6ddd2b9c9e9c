package resource

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"
)

// Permit decides about one operation of a caller whom the resource has accepted, by
// the rules of Config.Operations: for code that runs an operation without having seen
// the HTTP request, such as a second lock inside an MCP server. Nil permits.
//
// It asks what Authenticate asks in its steps 8 and 9, and whether the token is still
// good. A caller whom another resource accepted, or who was decoded, is refused like
// none at all; nil may only do what Operations.Public names. The operation needs the
// further scopes too, if any are given; all that it needs stands in one challenge. A
// completion/complete without a Ref, and other operations that don't say what they are
// about, are refused with 400.
//
// A refusal is counted and logged. Permit reads no headers and fetches nothing.
func (r *Resource) Permit(ctx context.Context, c *Caller, op Operation, scopes ...string) *Refusal {
	if r == nil || r.metrics == nil { // not made by New: fail closed
		return (&answers{}).refusal(newFault(ReasonInternalError, "resource was not made by New"))
	}
	r = r.of(c)
	f := r.permit(ctx, c, op, scopes, true)
	if f == nil {
		return nil
	}
	if c != nil && c.by == r {
		f.caller = c
	}
	if m, err := op.message(); err == nil {
		f.about = []*message{m}
	}
	return r.refuse(ctx, nil, f)
}

// Offers reports whether Permit would permit the operation. It is for lists of what a
// caller may use: it counts and logs nothing and does not ask Config.Revoked. Where
// Operations.Rule can't tell without arguments and returns an error, the answer is no.
func (r *Resource) Offers(ctx context.Context, c *Caller, op Operation) bool {
	return r != nil && r.metrics != nil && r.of(c).permit(ctx, c, op, nil, false) == nil
}

func (r *Resource) permit(ctx context.Context, c *Caller, op Operation, scopes []string, revocation bool) (f *fault) {
	defer func() {
		if p := recover(); p != nil {
			f = panicFault(p)
		}
	}()
	switch now := time.Now(); {
	case c == nil && len(scopes) == 0 && r.rules != nil && slices.Contains(r.rules.Public, op.Method):
		return nil
	case !r.accepted(c):
		return newFault(ReasonMissingCredentials, "no caller whom this resource accepted")
	case c.expiry.over(now, r.leeway):
		return newFault(ReasonExpired, "expired since it was accepted")
	case !c.trusted(now):
		return newFault(ReasonTokenInvalid, "its verifier has taken back its word")
	case revocation && r.revoked != nil && r.revoked(ctx, c):
		return newFault(ReasonRevoked, "Config.Revoked said so")
	}
	m, err := op.message()
	if err != nil {
		return &fault{reason: ReasonBodyMalformed, err: err}
	}
	needed, f := r.scopes, (*fault)(nil)
	if r.rules != nil {
		if needed, f = r.rules.needs(ctx, []*message{m}, c, needed); f != nil {
			return f
		}
	}
	return r.lacks(c, needed, scopes)
}

// lacks refuses a caller without all of the needed and the further scopes.
func (r *Resource) lacks(c *Caller, needed, further []string) *fault {
	if !slices.ContainsFunc(further, func(scope string) bool { return !isScope(scope) }) {
		if needed = union(needed, further); !c.Has(needed...) {
			return r.scopeFault(c, needed)
		}
		return nil
	}
	return newFault(ReasonInternalError, "a malformed scope was asked for")
}

// message is the operation as if it had been read from a body.
func (op Operation) message() (*message, error) {
	m := &message{method: op.Method, name: op.Name, refType: op.Ref, arguments: op.Arguments}
	switch op.Method {
	case "":
		return nil, errors.New("no method")
	case "tools/call":
		m.tool = op.Name
	case "prompts/get":
		m.prompt = op.Name
	case "resources/read", "resources/subscribe", "resources/unsubscribe":
		m.resources = []string{op.Name}
	case "completion/complete":
		switch op.Ref {
		case "ref/prompt":
			m.prompt = op.Name
		case "ref/resource":
			m.resources = []string{op.Name}
		default:
			return nil, errors.New("no Ref of a completion")
		}
	case listenMethod:
		if op.Name != "" {
			m.resources = []string{op.Name}
		}
	}
	nameless := op.Method == "resources/subscribe" || op.Method == "resources/unsubscribe" // see message.complete
	if m.isNamed() && op.Name == "" && !nameless {
		return nil, errors.New("no name of what the method is about")
	}
	return m, checkAmount([]*message{m})
}

// Operations returns Config.Operations, for programs that compare the rules with what
// their server has. Slices in it are not to be changed.
func (r *Resource) Operations() Operations {
	if r = r.now(); r.rules == nil {
		return Operations{}
	}
	o := r.rules.Operations
	o.Methods, o.Tools, o.Prompts = maps.Clone(o.Methods), maps.Clone(o.Tools), maps.Clone(o.Prompts)
	o.Resources, o.Public = slices.Clone(o.Resources), slices.Clone(o.Public)
	return o
}

// Declares reports whether a rule names the operation, so that Undeclared has nothing
// to say about it. Operations.Rule is not asked: it names nothing.
func (r *Resource) Declares(op Operation) bool {
	r = r.now()
	m, err := op.message()
	if err != nil || r.rules == nil {
		return false
	}
	return r.rules.bound(m, new(needed))
}

// Binds reports whether the rule is for the URI, in this or another spelling: for
// programs that compare the rules with what their server has. That a request for a URI
// which can be read in several ways needs the scopes of all rules is left out here. A
// rule that New would refuse binds nothing.
func (rule ResourceRule) Binds(uri string) bool {
	p, err := newResourcePattern(rule)
	if err != nil {
		return false
	}
	binds, _ := p.match(newResourceURI(uri), new(int))
	return p.names(uri) || binds
}
