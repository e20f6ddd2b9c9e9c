// Package uripattern matches the URIs of MCP resources against patterns, in whatever
// spelling a client sends them. It knows nothing of tokens and scopes.
package uripattern

import "slices"

// MaxWork is how many bytes of URIs one request may have compared with templates, in all
// their spellings.
const MaxWork = 512 << 10

// Set holds patterns, found by how the URIs they match begin: a look-up costs the same
// with one pattern and with a thousand, unless templates begin alike (see MaxWork).
// Patterns are known by their position: the first that was added is 0.
type Set struct {
	all     []compiled
	byText  map[string][]int         // the patterns that have it as their text
	byForm  map[string][]int         // of a URI
	prefix  heads                    // of prefixes
	written heads                    // of prefixes and templates, as they are written
	spelled [len(reservedKept)]heads // of templates, levelled; for each of reservedKept
}

// Result says which patterns match a URI.
type Result struct {
	Patterns []int // in order
	Any      bool  // readers could take the URI for any resource: all patterns match
	Named    bool  // a pattern matches it in the very spelling that was sent
}

// heads finds rules by the beginning of a text.
type heads struct {
	rules   map[string][]int
	lengths []int // in use, ascending
}

func (h *heads) add(head string, rule int) {
	if h.rules == nil {
		h.rules = map[string][]int{}
	}
	h.rules[head] = append(h.rules[head], rule)
	if at, ok := slices.BinarySearch(h.lengths, len(head)); !ok {
		h.lengths = slices.Insert(h.lengths, at, len(head))
	}
}

// find appends the rules whose head text begins with.
func (h *heads) find(found []int, text string) []int {
	for _, n := range h.lengths {
		if n > len(text) {
			break
		}
		found = append(found, h.rules[text[:n]]...)
	}
	return found
}

// NewSet returns an empty set.
func NewSet() *Set { return &Set{byText: map[string][]int{}, byForm: map[string][]int{}} }

// Add adds a pattern, or says what is wrong with it.
func (r *Set) Add(pattern Pattern) error {
	p, err := compile(pattern)
	if err != nil {
		return err
	}
	r.add(p)
	return nil
}

func (r *Set) add(p compiled) {
	rule := len(r.all)
	r.all = append(r.all, p)
	if !p.prefix {
		r.byText[p.text] = append(r.byText[p.text], rule)
	}
	if p.written == nil && !p.prefix {
		for _, form := range p.forms {
			r.byForm[form] = append(r.byForm[form], rule)
		}
		return
	}
	for _, form := range p.forms { // a template has none
		r.prefix.add(form, rule)
	}
	if p.written == nil {
		r.written.add(p.text, rule)
		return
	}
	r.written.add(p.written.literals[0], rule)
	for i, levelled := range p.templates {
		r.spelled[i].add(levelled.literals[0], rule)
	}
}

// candidates returns, in their order, the rules that may match the URI: all that do,
// and others that only begin like it; none once there was too much work.
func (r *Set) candidates(u *uri, work int) []int {
	if work > MaxWork {
		return nil
	}
	found := r.written.find(slices.Clone(r.byText[u.written]), u.written)
	for _, form := range u.forms {
		found = append(found, r.byForm[form]...)
		found = r.prefix.find(found, form+"/")
	}
	for i := range r.spelled {
		if len(r.spelled[i].lengths) > 0 {
			for _, spelled := range u.spellings(i) {
				found = r.spelled[i].find(found, spelled+"/")
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// Match finds the patterns of a URI. One that is not plain could be any resource, and is
// named by nobody but a pattern with that very text.
//
// Match adds to work. Once that is over MaxWork the result is not to be used.
func (r *Set) Match(text string, work *int) (m Result) {
	m.Patterns = slices.Clone(r.byText[text])
	m.Named = len(m.Patterns) > 0
	u := newURI(text)
	if !u.plain {
		m.Any = !m.Named
		return m
	}
	for _, rule := range r.candidates(u, *work) {
		if binds, asWritten := r.all[rule].match(u, work); binds {
			m.Patterns = append(m.Patterns, rule)
			m.Named = m.Named || asWritten
		}
	}
	return m
}

// First returns the first pattern that is for the URI.
func (r *Set) First(text string, work *int) (pattern int, ok bool) {
	u := newURI(text)
	for _, rule := range r.candidates(u, *work) {
		if binds, _ := r.all[rule].match(u, work); binds || r.all[rule].names(text) {
			return rule, true
		}
	}
	return 0, false
}
