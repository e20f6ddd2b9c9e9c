package uripattern

import (
	"slices"
	"strings"
)

// MaxWork is how many bytes of URIs one request can have compared with templates.
const MaxWork = 512 << 10

// Set holds patterns, found by the beginning of the URIs that they match: a look-up costs the
// same with one pattern and with a thousand, unless templates begin alike (see MaxWork).
// Patterns are identified by their position: the first that was added is 0. A set that is not
// changed is safe for concurrent use.
type Set struct {
	all       []*compiled
	bases     map[string]string // of URIs, in lower case, by their texts
	templates map[string][]int  // by their texts
	byHead    map[string][]int
	heads     map[int]bool // lengths of the keys of byHead
}

// Result says which patterns match a URI.
type Result struct {
	Patterns []int // ascending
	Any      bool  // the URI could be any resource: all patterns match
	Named    bool  // a pattern matches the very spelling that was sent
}

// NewSet returns an empty set.
func NewSet() *Set {
	return &Set{bases: map[string]string{}, templates: map[string][]int{}, byHead: map[string][]int{}, heads: map[int]bool{}}
}

// Add adds a pattern, or returns what is wrong with it.
func (s *Set) Add(p Pattern) error {
	c, err := compile(p)
	if err != nil {
		return err
	}
	index := len(s.all)
	s.all = append(s.all, c)
	s.bases[p.URI] = strings.ToLower(baseOf(p.URI))
	s.templates[p.Template] = append(s.templates[p.Template], index)
	s.byHead[c.head] = append(s.byHead[c.head], index)
	s.heads[len(c.head)] = true
	return nil
}

// Match returns the patterns that match a URI. A URI that is not plain could be any resource,
// unless an exact pattern has its text: then it is matched by that pattern, and by those that
// match the plain URI which remains of it.
//
// Match adds the bytes that it compares to work. If that exceeds MaxWork, the result must not
// be used.
func (s *Set) Match(uri string, work *int) (result Result) {
	if len(s.all) == 0 {
		return Result{} // no rule is about resources, so the URI is not read
	}
	base, isPlain := strings.ToLower(uri), IsPlain(uri)
	if !isPlain {
		base = s.bases[uri]
	}
	if base == "" {
		return Result{Any: true}
	}
	below := base + "/" // a prefix that ends with a slash also matches the URI without it
	for n := range s.heads {
		if n > len(below) {
			continue
		}
		for _, index := range s.byHead[below[:n]] {
			if ok, asWritten := s.all[index].match(uri, base, isPlain, work); ok {
				result.Patterns = append(result.Patterns, index)
				result.Named = result.Named || asWritten
			}
		}
	}
	slices.Sort(result.Patterns)
	return result
}

// MatchTemplate returns the patterns that could match an expansion of a template. A pattern
// that is the same template is the only one. A template whose expansions are not plain could be
// any resource. Only the heads are compared, so there can be too many patterns, but not too few.
// The argument work is as in [Set.Match].
func (s *Set) MatchTemplate(text string, work *int) (result Result) {
	if len(s.all) == 0 {
		return Result{}
	}
	if same := s.templates[text]; same != nil {
		return Result{Patterns: same, Named: true}
	}
	sample, head := expand(text)
	if !IsPlain(sample) {
		return Result{Any: true}
	}
	for index, c := range s.all {
		if *work += len(head); *work > MaxWork {
			break
		}
		if strings.HasPrefix(c.head, head) || c.URI == "" && strings.HasPrefix(head, c.head) {
			result.Patterns = append(result.Patterns, index)
		}
	}
	return result
}

// Applies reports whether a single pattern matches a URI. Unlike [Set.Match] it does not take
// a URI that is not plain for any resource. A pattern that [Set.Add] would reject matches
// nothing.
func (p Pattern) Applies(uri string) bool {
	s := NewSet()
	return s.Add(p) == nil && len(s.Match(uri, new(int)).Patterns) > 0
}
