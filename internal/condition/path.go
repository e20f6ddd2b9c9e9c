package condition

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// hasPathPrefix reports whether path is prefix, or continues it with a slash and further segments.
// What follows the prefix must have a single meaning: an empty segment, a dot segment, a backslash,
// a percent sign (which could begin an encoded slash or dot) and a control character match nothing.
func hasPathPrefix(path, prefix string) bool {
	rest, ok := strings.CutPrefix(path, prefix)
	if !ok || rest == "" {
		return ok
	}
	rest, ok = strings.CutPrefix(rest, "/")
	return ok && !hasAmbiguousSegment(rest)
}

func hasAmbiguousSegment(path string) bool {
	return strings.ContainsAny(path, `\%`) || strings.ContainsFunc(path, unicode.IsControl) ||
		slices.ContainsFunc(strings.Split(path, "/"), func(segment string) bool {
			return segment == "" || segment == "." || segment == ".."
		})
}

// checkPathPrefix rejects a prefix that is not a path. It can begin with a slash, or with a scheme
// and a host.
func checkPathPrefix(prefix string) error {
	_, path, isURI := strings.Cut(prefix, "://")
	if !isURI {
		path = strings.TrimPrefix(prefix, "/")
	}
	switch {
	case strings.HasSuffix(prefix, "/"):
		return fmt.Errorf("PathPrefix: %q ends with a slash; write it without: the prefix matches whole segments", prefix)
	case strings.Contains(prefix, "*"):
		return fmt.Errorf("PathPrefix: %q has an asterisk; write it without: paths below the prefix match too", prefix)
	case hasAmbiguousSegment(path):
		return fmt.Errorf("PathPrefix: %q has an empty segment, a dot segment, a backslash, a percent sign or a control character", prefix)
	}
	return nil
}
