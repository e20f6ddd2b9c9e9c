package config

import "slices"

// A node is a value of the block, wherever it came from. Exactly one of its kinds.
type node struct {
	at      place
	kind    kind
	text    string // of a scalar
	tag     string // what YAML takes a scalar for, such as !!str
	literal bool   // ${} stands for itself
	items   []*node
	members []member // in order
}

type kind int

const (
	scalar kind = iota
	list
	mapping
)

type member struct {
	name  string
	at    place
	value *node
}

func (n *node) member(name string) *member {
	for i := range n.members {
		if n.members[i].name == name {
			return &n.members[i]
		}
	}
	return nil
}

// merge puts what over says over what under says. Mappings are merged key by key, all
// else is replaced.
func merge(under, over *node) *node {
	if under == nil || over == nil || under.kind != mapping || over.kind != mapping {
		if over == nil {
			return under
		}
		return over
	}
	out := *under
	out.members = slices.Clone(under.members)
	for _, m := range over.members {
		if known := out.member(m.name); known != nil {
			known.at, known.value = m.at, merge(known.value, m.value)
		} else {
			out.members = append(out.members, m)
		}
	}
	return &out
}
