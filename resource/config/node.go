package config

import "slices"

// A node is a value in the block, from a file or from the environment. Which fields are
// used depends on its kind.
type node struct {
	at      position
	kind    kind
	text    string // of a scalar
	tag     string // YAML type of a scalar, such as !!str
	literal bool   // ${} is not expanded
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
	at    position
	value *node
}

// member returns nil if there is no member with this name.
func (n *node) member(name string) *member {
	for i := range n.members {
		if n.members[i].name == name {
			return &n.members[i]
		}
	}
	return nil
}

// merge returns base with the overrides applied: mappings are merged by key, lists and
// scalars are replaced. Both arguments may be nil and are not modified.
func merge(base, override *node) *node {
	if base == nil || override == nil || base.kind != mapping || override.kind != mapping {
		if override == nil {
			return base
		}
		return override
	}
	out := *base
	out.members = slices.Clone(base.members)
	for _, m := range override.members {
		if existing := out.member(m.name); existing != nil {
			existing.at, existing.value = m.at, merge(existing.value, m.value)
		} else {
			out.members = append(out.members, m)
		}
	}
	return &out
}
