// Package configerr collects the mistakes of a configuration, so that a constructor can
// report all of them at once.
package configerr

import (
	"errors"
	"fmt"
	"slices"
)

// List is a list of mistakes. The zero value is ready for use. It is not safe for
// concurrent use.
type List struct {
	errs []error
}

// Addf adds a mistake. The verb %w wraps an error, as in [fmt.Errorf].
func (l *List) Addf(format string, args ...any) {
	l.errs = append(l.errs, fmt.Errorf(format, args...))
}

// Add adds err, unless it is nil.
func (l *List) Add(err error) {
	if err != nil {
		l.errs = append(l.errs, err)
	}
}

// AddAt adds err after the name of the field that it is about and a colon, unless it is nil.
func (l *List) AddAt(field string, err error) {
	if err != nil {
		l.Addf("%s: %w", field, err)
	}
}

// All returns the mistakes, in the order in which they were added.
func (l *List) All() []error { return slices.Clone(l.errs) }

// Len returns the number of mistakes.
func (l *List) Len() int { return len(l.errs) }

// Err returns nil if the list is empty. Otherwise it returns one error with a line for
// each mistake, in the order in which they were added, after prefix and a colon.
func (l *List) Err(prefix string) error {
	if len(l.errs) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %w", prefix, errors.Join(l.errs...))
}
