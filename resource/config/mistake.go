package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/warder-go/warder/internal/nearest"
)

// A place is where something was said.
type place struct {
	order int    // of the source: the file, the file of secrets, the environment
	from  string // its name
	line  int    // 0: none
}

func (p place) String() string {
	switch {
	case p.line > 0:
		return fmt.Sprintf("%s:%d", p.from, p.line)
	case p.from == "":
		return "config"
	}
	return p.from
}

// mistakes collects what is wrong, each with its place.
type mistakes struct {
	all  []located
	read int // so many were there before anything was built
}

type located struct {
	at   place
	text string
}

func (m *mistakes) add(at place, format string, args ...any) {
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "; ")
	text = strings.ReplaceAll(text, ", or with AllowHTTP", "") // no key: it is for programs
	if mistake := (located{at, text}); !slices.Contains(m.all, mistake) {
		m.all = append(m.all, mistake)
	}
}

// maxMistakes are told at once. A file with more of them is some other file.
const maxMistakes = 50

// err returns all of them in the order of the text, one a line. Whatever they quote, no
// secret is in it.
func (m *mistakes) err(secrets []Secret) error {
	if len(m.all) == 0 {
		return nil
	}
	m.all = m.unsaid()
	slices.SortStableFunc(m.all, func(a, b located) int {
		return cmp.Or(a.at.order-b.at.order, a.at.line-b.at.line)
	})
	var errs []error
	for n, mistake := range m.all {
		if n == maxMistakes {
			errs = append(errs, fmt.Errorf("and %d mistakes more", len(m.all)-n))
			break
		}
		errs = append(errs, errors.New(scrub(mistake.at.String()+": "+mistake.text, secrets)))
	}
	return errors.Join(errs...)
}

// unsaid leaves out what building said of keys that could not be read, or of those above
// and below them: it follows from that.
func (m *mistakes) unsaid() []located {
	if m.read == 0 {
		return m.all
	}
	unread := m.all[:m.read:m.read]
	out := slices.Clone(unread)
	for _, mistake := range m.all[m.read:] {
		path := mistake.path()
		if !slices.ContainsFunc(unread, func(u located) bool { return within(path, u.path()) || within(u.path(), path) }) {
			out = append(out, mistake)
		}
	}
	return out
}

// path is that of the key that the mistake is about.
func (l located) path() string {
	path, _, _ := strings.Cut(l.text, ": ")
	return path
}

func within(path, other string) bool {
	rest, ok := strings.CutPrefix(path, other)
	return ok && (rest == "" || rest[0] == '[' || rest[0] == '.')
}

// minScrubbed is the shortest secret that is looked for in an error. A shorter one
// would be found in every other word; nothing quotes it on purpose.
const minScrubbed = 4

func scrub(text string, secrets []Secret) string {
	for _, secret := range secrets {
		if len(secret) >= minScrubbed {
			text = strings.ReplaceAll(text, string(secret), redacted)
		}
	}
	return text
}

// didYouMean is the end of a message about a name that is not known.
func didYouMean(name string, known []string) string {
	if meant := nearest.Name(name, known); meant != "" {
		return fmt.Sprintf("; did you mean %s?", meant)
	}
	return ""
}

// isName reports whether a key looks like one. What does not is not shown: where a
// space was forgotten, a secret is part of it.
func isName(key string) bool {
	return key != "" && len(key) <= 64 && strings.Trim(strings.ToLower(key), "abcdefghijklmnopqrstuvwxyz0123456789_-") == ""
}
