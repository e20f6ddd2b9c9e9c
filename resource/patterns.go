package resource

import "slices"

// resourceRules are the rules for resources, found by how what they bind begins: a
// request costs the same with one rule and with a thousand, unless templates begin alike
// (see MaxTemplateBytes).
type resourceRules struct {
	all     []resourcePattern
	scopes  []string                 // of all of them together
	byText  map[string][]int         // the rules that have it as their text
	byForm  map[string][]int         // of a URI
	prefix  heads                    // of prefixes
	written heads                    // of prefixes and templates, as they are written
	spelled [len(reservedKept)]heads // of templates, levelled; for each of reservedKept
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

func newResourceRules() *resourceRules {
	return &resourceRules{byText: map[string][]int{}, byForm: map[string][]int{}}
}

func (r *resourceRules) add(p resourcePattern) {
	rule := len(r.all)
	r.all, r.scopes = append(r.all, p), union(r.scopes, p.scopes)
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
func (r *resourceRules) candidates(u *resourceURI, work int) []int {
	if work > MaxTemplateBytes {
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

// of adds the scopes of the rules that bind a resource, and returns whether one of them
// names it. A URI that is not plain could be any resource: it needs what any of the
// rules asks for, and is named by nobody but a rule with that very text.
//
// If the work comes to more than MaxTemplateBytes, the answer is not to be used.
func (r *resourceRules) of(uri string, all *needed) (named bool) {
	for _, rule := range r.byText[uri] {
		all.add(r.all[rule].scopes)
		named = true
	}
	u := newResourceURI(uri)
	if !u.plain {
		if !named {
			all.add(r.scopes)
		}
		return named
	}
	for _, rule := range r.candidates(u, all.work) {
		if binds, asWritten := r.all[rule].match(u, &all.work); binds {
			all.add(r.all[rule].scopes)
			named = named || asWritten
		}
	}
	return named
}

// first returns the first rule that is for the URI; of a URI that was not refused for
// its work.
func (r *resourceRules) first(uri string, work *int) (rule int, ok bool) {
	u := newResourceURI(uri)
	for _, rule := range r.candidates(u, *work) {
		if binds, _ := r.all[rule].match(u, work); binds || r.all[rule].names(uri) {
			return rule, true
		}
	}
	return 0, false
}
