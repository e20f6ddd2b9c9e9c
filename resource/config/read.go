package config

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
)

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// A reading is what the sources say at one time.
type reading struct {
	settings Settings
	places   map[string]place
	files    *files
	secrets  []Secret // that are in no error
	found    bool     // there is a block, or variables that stand for it
	m        mistakes
}

// Read returns what the sources say, without looking at what it means: no file that a
// key names is read and nothing is built. It is for programs that show or compare a
// configuration. The error names every mistake at once.
func Read(c Config) (Settings, error) {
	r := c.read()
	return r.settings, r.err()
}

func (r *reading) err() error {
	if err := r.m.err(r.secrets); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	return nil
}

// read reads and merges the sources.
func (c Config) read() *reading {
	r := &reading{places: map[string]place{}, files: newFiles(c.File)}
	list := c.Environ
	if list == nil {
		list = os.Environ()
	}
	vars := environ(list, &r.m)
	r.files.sum.Write(fmt.Appendf(nil, "%q", vars))
	all := merge(r.source(c), overrides(vars, &r.m))
	if all == nil {
		if len(r.m.all) == 0 {
			r.m.add(place{from: cmp.Or(c.File, "text")}, "has no block %s:", blockName)
		}
		return r
	}
	r.found = true
	d := decoder{places: r.places, m: &r.m, lookup: func(name string) (string, bool) {
		value, set := vars[name]
		return value, set
	}}
	d.object(all, "", reflect.ValueOf(&r.settings).Elem())
	for _, issuer := range r.settings.issuers() {
		r.secrets = append(r.secrets, issuer.ClientSecret, issuer.IntrospectionClientSecret)
	}
	return r
}

// source reads the file and that of secrets.
func (r *reading) source(c Config) *node {
	var all *node
	for _, source := range []struct {
		order int
		path  string
		body  []byte
	}{{fromFile, c.File, c.Text}, {fromSecrets, c.SecretsFile, nil}} {
		if source.path == "" && source.body == nil {
			continue
		}
		at := place{order: source.order, from: source.path}
		if source.body != nil {
			at.from = "text"
		}
		body, err := source.body, error(nil)
		if body == nil {
			body, err = r.files.read(source.path)
		}
		if err != nil {
			r.m.add(at, "%s", err)
			continue
		}
		t := text{at: at, body: body, m: &r.m}
		all = merge(all, t.block())
	}
	return all
}

// issuers returns the settings of all issuers, the first one's before those of
// additional_issuers.
func (s *Settings) issuers() []*IssuerSettings {
	all := []*IssuerSettings{&s.IssuerSettings}
	for i := range s.AdditionalIssuers {
		all = append(all, &s.AdditionalIssuers[i])
	}
	return all
}
