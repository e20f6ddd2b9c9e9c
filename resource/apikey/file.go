package apikey

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/strictjson"
)

// Limits of a file of keys.
const (
	MaxFileBytes  = 4 << 20          // the file
	CheckInterval = 30 * time.Second // between two looks at it
	ColdInterval  = time.Second      // the same as long as it was never good
)

// keys is what is known at one time. It is never changed.
type keys struct {
	entries map[[sha256.Size]byte]*entry
	loaded  bool              // they are of a good file, or of the Config
	sum     [sha256.Size]byte // of that file
	broken  error             // why the last look at the file found nothing good; nil: it did
	checked time.Time         // when that was
}

// due reports whether it is time to look at the file.
func (k *keys) due(now time.Time) bool {
	interval := CheckInterval
	if !k.loaded {
		interval = ColdInterval
	}
	return !now.Before(k.checked.Add(interval))
}

// keys returns those that count now. Whoever finds a look at the file due takes it, and
// those who come meanwhile wait for it: a key that was taken out long ago must not get
// in once more. It is a file of this machine, and one look in 30 seconds.
func (v *Verifier) keys(now time.Time) *keys {
	known := v.current.Load()
	if v.file == "" || !known.due(now) {
		return known
	}
	v.checking.Lock()
	defer v.checking.Unlock()
	if known = v.current.Load(); known.due(now) {
		known = v.look(known)
		v.current.Store(known)
	}
	return known
}

// look reads the file. If there is no good one, the known keys stay.
func (v *Verifier) look(known *keys) *keys {
	next := *known
	outcome, body, err := path(v.file).read()
	if err == nil {
		switch sum := sha256.Sum256(body); {
		case known.loaded && sum == known.sum:
			outcome = outcomeUnchanged
		default:
			var entries map[[sha256.Size]byte]*entry
			if entries, err = v.parse(body, known.entries); err != nil {
				outcome = outcomeMalformed
			} else {
				next.entries, next.sum, next.loaded = entries, sum, true
			}
		}
	}
	if next.broken = nil; err != nil {
		next.broken = fmt.Errorf("file %q: %w", v.file, err)
	}
	next.checked = time.Now()
	v.tell(known, &next, outcome)
	return &next
}

// path is that of the file, as configured.
type path string

// read reads at most MaxFileBytes. What is no regular file, such as a pipe, could make
// everybody wait for ever.
func (p path) read() (outcome string, body []byte, err error) {
	info, err := os.Stat(string(p))
	if err != nil {
		return outcomeUnreadable, nil, err
	}
	if !info.Mode().IsRegular() {
		return outcomeUnreadable, nil, errors.New("is not a regular file")
	}
	f, err := os.Open(string(p))
	if err != nil {
		return outcomeUnreadable, nil, err
	}
	defer f.Close()
	body, err = io.ReadAll(io.LimitReader(f, MaxFileBytes+1))
	if err != nil {
		return outcomeUnreadable, nil, err
	}
	if len(body) > MaxFileBytes {
		return outcomeTooLarge, nil, fmt.Errorf("is over %d bytes", MaxFileBytes)
	}
	return outcomeLoaded, body, nil
}

var (
	fileNames = strictjson.NewNames("keys")
	keyNames  = strictjson.NewNames("id", "sha256", "subject", "client_id", "scopes", "expires")
)

// parse reads a file's text. A member that is not known may be a restriction that
// somebody relies on: it is a mistake.
func (v *Verifier) parse(body []byte, known map[[sha256.Size]byte]*entry) (map[[sha256.Size]byte]*entry, error) {
	var given []Key
	var m mistakes
	found := false
	err := strictjson.Object(body, fileNames, func(_ string, value jsontext.Value) error {
		found = true
		return strictjson.Elements(value, func(element jsontext.Value) error {
			if len(given) > MaxKeys {
				return fmt.Errorf("more than %d keys", MaxKeys)
			}
			given = append(given, parseKey(len(given), element, &m))
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("%s%w", line(body), err)
	}
	m.unknown("the file", body, "keys")
	if !found {
		m.add(`member "keys" is missing; without keys it is {"keys": []}`)
	}
	if len(m) > 0 {
		return nil, m.join()
	}
	entries := v.entries("keys", given, known, &m)
	return entries, m.join()
}

// parseKey notes a mistake for each member of a wrong kind.
func parseKey(n int, value jsontext.Value, m *mistakes) (k Key) {
	var wrong mistakes
	err := strictjson.Object(value, keyNames, func(name string, value jsontext.Value) (err error) {
		switch name {
		case "id":
			k.ID, err = strictjson.String(value)
		case "sha256":
			k.SHA256, err = strictjson.String(value)
		case "subject":
			k.Subject, err = strictjson.String(value)
		case "client_id":
			k.ClientID, err = strictjson.String(value)
		case "scopes":
			k.Scopes, err = strictjson.Strings(value)
		case "expires":
			k.Expires, err = date(value)
		}
		if err != nil {
			wrong.add("%s: %w", name, err)
		}
		return nil
	})
	if err != nil {
		wrong.add("%w", err)
	} else {
		wrong.unknown("", value, "id", "sha256", "subject", "client_id", "scopes", "expires")
	}
	for _, mistake := range wrong {
		m.add("%s: %w", k.place("keys", n), mistake)
	}
	return k
}

// date reads a time as RFC 3339 writes it. An empty one is not "never": that is said by
// leaving it out.
func date(value jsontext.Value) (time.Time, error) {
	text, err := strictjson.String(value)
	if err != nil {
		return time.Time{}, err
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.IsZero() {
		return time.Time{}, errors.New(`is not a time as in "2027-01-01T00:00:00Z" (RFC 3339)`)
	}
	return t, nil
}

// unknown notes the members of a well-formed object that are not among names, by their
// position: what stands there could be anything.
func (m *mistakes) unknown(where string, object []byte, names ...string) {
	if where != "" {
		where += ": "
	}
	d := jsontext.NewDecoder(bytes.NewReader(object))
	_, err := d.ReadToken()
	for n := 1; err == nil && d.PeekKind() == '"'; n++ {
		var name jsontext.Token
		if name, err = d.ReadToken(); err == nil && !slices.Contains(names, name.String()) {
			m.add("%smember %d is unknown; there are %s", where, n, strings.Join(names, ", "))
		}
		if err == nil {
			err = d.SkipValue()
		}
	}
}

// line says where text stops to be JSON in which no name stands twice; "" if nowhere.
func line(text []byte) string {
	err := jsontext.NewDecoder(bytes.NewReader(text)).SkipValue()
	syntax, ok := errors.AsType[*jsontext.SyntacticError](err)
	if !ok {
		return ""
	}
	before := text[:min(int64(len(text)), max(0, syntax.ByteOffset))]
	return fmt.Sprintf("line %d: ", 1+bytes.Count(before, []byte("\n")))
}
