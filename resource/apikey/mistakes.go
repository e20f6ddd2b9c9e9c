package apikey

import "github.com/warder-go/warder/internal/configerr"

// maxMistakes is the number of mistakes in one error.
const maxMistakes = 20

// mistakes collects configuration mistakes like a [configerr.List], but keeps only the
// first maxMistakes, because a file can have many keys.
type mistakes struct {
	list    configerr.List
	omitted int // number of further mistakes
}

// addf adds a mistake. The verb %w wraps an error.
func (m *mistakes) addf(format string, args ...any) {
	if m.list.Len() == maxMistakes {
		m.omitted++
		return
	}
	m.list.Addf(format, args...)
}

// count returns the number of mistakes, omitted ones included.
func (m *mistakes) count() int { return m.list.Len() + m.omitted }

// err returns nil if there are no mistakes.
func (m *mistakes) err(prefix string) error {
	list := m.list
	if m.omitted > 0 {
		list.Addf("and %d more mistakes", m.omitted)
	}
	return list.Err(prefix)
}
