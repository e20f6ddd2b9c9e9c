package config

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
)

// An input is the merged content of the files and the environment at one time.
type input struct {
	settings  Settings
	positions map[string]position // of keys, by their paths
	files     *files
	secrets   []Secret // to be removed from errors
	found     bool     // the block, or variables that replace it, are present
	mistakes  mistakes
}

// Read returns the settings of the files and the environment, without checking their
// meaning: it reads no files that the settings name, and builds nothing. It is for
// programs that show or compare configurations. The error has a line for each mistake.
func Read(c Config) (Settings, error) {
	in := c.read()
	return in.settings, in.err()
}

func (in *input) err() error { return in.mistakes.err(in.secrets) }

func (c Config) read() *input {
	in := &input{positions: map[string]position{}, files: newFiles(c.File)}
	list := c.Environ
	if list == nil {
		list = os.Environ()
	}
	vars := environ(list, &in.mistakes)
	in.files.hash.Write(fmt.Appendf(nil, "%q", vars))
	block := merge(in.readFiles(c), overrides(vars, &in.mistakes))
	if block == nil {
		if in.mistakes.count() == 0 {
			in.mistakes.add(position{name: cmp.Or(c.File, "text")}, "has no block %s:", c.block())
		}
		return in
	}
	in.found = true
	d := decoder{positions: in.positions, mistakes: &in.mistakes, lookup: func(name string) (string, bool) {
		value, set := vars[name]
		return value, set
	}}
	d.decodeStruct(block, "", reflect.ValueOf(&in.settings).Elem())
	for _, issuer := range in.settings.issuers() {
		in.secrets = append(in.secrets, issuer.ClientSecret, issuer.IntrospectionClientSecret, issuer.IntrospectionBearerToken, issuer.JWKSToken)
	}
	in.secrets = append(in.secrets, in.settings.DPoPNonceKeys...)
	if in.settings.SharedState != nil {
		in.secrets = append(in.secrets, in.settings.SharedState.Keys...)
	}
	if in.settings.SecurityEvents != nil {
		in.secrets = append(in.secrets, in.settings.SecurityEvents.Authorization)
	}
	if in.settings.OnBehalfOf != nil {
		in.secrets = append(in.secrets, in.settings.OnBehalfOf.ClientSecret)
	}
	return in
}

// readFiles returns the merged blocks of the file and the secrets file.
func (in *input) readFiles(c Config) *node {
	var merged *node
	for _, file := range []struct {
		source source
		path   string
		body   []byte
	}{{mainFile, c.File, c.Text}, {secretsFile, c.SecretsFile, nil}} {
		if file.path == "" && file.body == nil {
			continue
		}
		at := position{source: file.source, name: file.path}
		if file.body != nil {
			at.name = "text"
		}
		body, err := file.body, error(nil)
		if body == nil {
			body, err = in.files.read(file.path)
		}
		if err != nil {
			in.mistakes.add(at, "%s", err)
			continue
		}
		p := parser{at: at, body: body, name: blockName, mistakes: &in.mistakes}
		if file.source == mainFile {
			p.name = c.block()
		}
		merged = merge(merged, p.block())
	}
	return merged
}

// issuers returns the settings of all issuers: those of the block itself, then those of
// additional_issuers.
func (s *Settings) issuers() []*IssuerSettings {
	all := []*IssuerSettings{&s.IssuerSettings}
	for i := range s.AdditionalIssuers {
		all = append(all, &s.AdditionalIssuers[i])
	}
	return all
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
