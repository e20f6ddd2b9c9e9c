package scoperules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/internal/mcpmsg"
)

// Operation is what a message asks for: a method and what it names, if anything.
type Operation struct{ Method, Name string }

// operation has the ref of its message too, without which its rule cannot be found.
type operation struct {
	Operation
	ref string
}

// Operations returns what messages ask for, without responses, which ask for nothing: at most limit
// operations, and the number of the others. If there are more, one of each message comes first, so
// that no message hides another; then those that a rule names; then the others. Each part keeps
// its order. Operations stops comparing URIs with templates beyond uripattern.MaxWork. r may be nil.
func (r *Rules) Operations(messages []*mcpmsg.Message, limit int) (all []Operation, omitted int) {
	var byMessage [][]operation
	for _, m := range messages {
		if m.Method == "" {
			continue
		}
		var own []operation
		for _, name := range m.Subjects() {
			o := Operation{m.Method, name}
			own, all = append(own, operation{o, m.Ref}), append(all, o)
		}
		byMessage = append(byMessage, own)
	}
	if omitted = len(all) - limit; omitted > 0 {
		return r.namedFirst(byMessage)[:limit], omitted
	}
	return all, 0
}

// Describe lists the results of Operations for a log. r may be nil.
func (r *Rules) Describe(messages []*mcpmsg.Message, limit int) string {
	var names []string
	all, omitted := r.Operations(messages, limit)
	for _, o := range all {
		names = append(names, strings.TrimSuffix(logging.Printable(o.Method)+" "+logging.Printable(o.Name), " "))
	}
	if omitted > 0 {
		names = append(names, fmt.Sprintf("%d more", omitted))
	}
	return strings.Join(names, ", ")
}

func (r *Rules) namedFirst(byMessage [][]operation) []Operation {
	var first, named, others []Operation
	work := 0
	for _, own := range byMessage {
		n, o := r.splitNamed(own, &work)
		if len(n) > 0 {
			first, n = append(first, n[0]), n[1:]
		} else {
			first, o = append(first, o[0]), o[1:]
		}
		named, others = append(named, n...), append(others, o...)
	}
	return slices.Concat(first, named, others)
}

// splitNamed splits operations into those that a rule names and the others.
func (r *Rules) splitNamed(all []operation, work *int) (named, others []Operation) {
	for _, o := range all {
		m, err := mcpmsg.ForOperation(o.Method, o.Name, o.ref, nil)
		if r != nil && err == nil && r.Label(m, work) != Other {
			named = append(named, o.Operation)
		} else {
			others = append(others, o.Operation)
		}
	}
	return named, others
}
