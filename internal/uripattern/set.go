package uripattern

import "slices"

// MaxWork is how many bytes of URIs one request can have compared with templates.
const MaxWork = 512 << 10

// Set holds patterns, found by the beginning of the URIs that they match: a look-up costs the
// same with one pattern and with a thousand, unless templates begin alike (see MaxWork).
// Patterns are identified by their position: the first that was added is 0. A set that is not
// changed is safe for concurrent use.
type Set struct {
	all    []*compiled
	byText map[string][]int // URIs and templates, as written
	byURI  map[string][]int // URIs, in lower case
	byHead map[string][]int // prefixes and templates, in lower case
	heads  []int            // lengths of the keys of byHead, ascending
}

// Result says which patterns match a URI.
type Result struct {
	Patterns []int // ascending
	Any      bool  // the URI could be any resource: all patterns match
	Named    bool  // a pattern matches the very spelling that was sent
}

// NewSet returns an empty set.
func NewSet() *Set {
	return &Set{byText: map[string][]int{}, byURI: map[string][]int{}, byHead: map[string][]int{}}
}

// Add adds a pattern, or returns what is wrong with it.
func (s *Set) Add(p Pattern) error {
	c, err := compile(p)
	if err != nil {
		return err
	}
	index := len(s.all)
	s.all = append(s.all, c)
	if c.prefix == "" {
		s.byText[c.text] = append(s.byText[c.text], index)
	}
	if c.exact != "" {
		s.byURI[c.exact] = append(s.byURI[c.exact], index)
		return nil
	}
	head := c.prefix + c.head
	s.byHead[head] = append(s.byHead[head], index)
	if at, ok := slices.BinarySearch(s.heads, len(head)); !ok {
		s.heads = slices.Insert(s.heads, at, len(head))
	}
	return nil
}

// Match returns the patterns that match a URI. A URI that is not plain could be any resource,
// unless a pattern has exactly its text.
//
// Match adds the bytes that it compares to work. If that exceeds MaxWork, the result must not
// be used.
func (s *Set) Match(uri string, work *int) Result {
	if len(s.all) == 0 {
		return Result{}
	}
	byText := s.byText[uri]
	if !IsPlain(uri) {
		return Result{Patterns: byText, Named: byText != nil, Any: byText == nil}
	}
	folded := fold(uri)
	candidates := slices.Concat(byText, s.byURI[folded])
	for _, n := range s.heads {
		if n > len(folded)+1 {
			break
		}
		candidates = append(candidates, s.byHead[(folded + "/")[:n]]...)
	}
	slices.Sort(candidates)
	result := Result{Named: byText != nil}
	for _, index := range slices.Compact(candidates) {
		if ok, asWritten := s.all[index].match(uri, folded, work); ok {
			result.Patterns = append(result.Patterns, index)
			result.Named = result.Named || asWritten
		}
	}
	return result
}

// MatchTemplate returns the patterns that could match an expansion of a template. A pattern
// that is the same template is the only one. A template whose expansions are not plain could be
// any resource. The argument work is as in [Set.Match].
func (s *Set) MatchTemplate(text string, work *int) Result {
	if byText := s.byText[text]; byText != nil {
		return Result{Patterns: byText, Named: true}
	}
	t, ok := parseTemplate(text)
	if !ok || !IsPlain(t.sample) {
		return Result{Any: len(s.all) > 0}
	}
	var result Result
	head := fold(t.head)
	for index, c := range s.all {
		if *work += len(head); *work > MaxWork {
			break
		}
		if c.overlaps(head) {
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
