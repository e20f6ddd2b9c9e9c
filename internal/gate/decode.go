package gate

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/warder-go/warder/internal/nearest"
)

// A decoder decodes YAML into settings. It accepts known keys only, each once, and values of exactly
// the expected type. After a mistake it continues with the next key.
type decoder struct {
	file  string         // its name, for mistakes
	lines map[string]int // of keys, by their paths
	add   func(error)
}

func (d *decoder) mistake(line int, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if line > 0 {
		d.add(fmt.Errorf("%s:%d: %s", d.file, line, text))
		return
	}
	d.add(fmt.Errorf("%s: %s", d.file, text))
}

// at adds a mistake at a key, or at the nearest key above it that is present.
func (d *decoder) at(path, format string, args ...any) {
	where := path
	for d.lines[where] == 0 && where != "" {
		where = where[:max(0, strings.LastIndexAny(where, ".["))]
	}
	d.mistake(d.lines[where], "%s: %s", path, fmt.Sprintf(format, args...))
}

// decode decodes a file. It does not quote the text of a syntax error, which may contain a secret of
// an authorization block.
func (d *decoder) decode(body []byte, into any) {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	if !utf8.Valid(body) || bytes.IndexByte(body, 0) >= 0 {
		d.mistake(0, "is not UTF-8, or has a NUL byte")
		return
	}
	var document yaml.Node
	if err := yaml.Load(body, &document); err != nil {
		line := 0
		if e, ok := errors.AsType[*yaml.LoadError](err); ok {
			line = e.Mark.Line
		}
		d.mistake(line, "is not one valid YAML document")
		return
	}
	if document.Kind != yaml.DocumentNode || len(document.Content) != 1 {
		d.mistake(0, "is empty")
		return
	}
	d.structure(document.Content[0], "", reflect.ValueOf(into).Elem())
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// mapping returns the members of a mapping, in order.
func (d *decoder) mapping(n *yaml.Node, path string) (members [][2]*yaml.Node) {
	if n.Kind != yaml.MappingNode {
		d.mistake(n.Line, "%s: is not a mapping of keys", path)
		return nil
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str":
			d.mistake(key.Line, "%s: a key is not a string; merge keys and aliases are not supported", path)
		case seen[key.Value]:
			d.mistake(key.Line, "%s: duplicate key", join(path, printable(key.Value)))
		default:
			seen[key.Value] = true
			members = append(members, [2]*yaml.Node{key, value})
		}
	}
	return members
}

// printable returns a key if it looks like one. Other text may contain a secret.
func printable(key string) string {
	if len(key) > 64 || strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" {
		return fmt.Sprintf("(key of %d bytes)", len(key))
	}
	return key
}

func (d *decoder) structure(n *yaml.Node, path string, into reflect.Value) {
	if _, ok := d.lines[path]; !ok {
		d.lines[path] = n.Line
	}
	var names []string
	for i := range into.NumField() {
		names = append(names, into.Type().Field(i).Tag.Get("yaml"))
		d.setDefault(into.Field(i), into.Type().Field(i).Tag.Get("default"))
	}
	for _, member := range d.mapping(n, path) {
		name := member[0].Value
		at := slices.Index(names, name)
		if at < 0 {
			hint := ""
			if match := nearest.Name(name, names); match != "" {
				hint = "; did you mean " + match + "?"
			}
			d.mistake(member[0].Line, "%s: unknown key%s", join(path, printable(name)), hint)
			continue
		}
		below := join(path, name)
		d.lines[below] = member[0].Line
		d.value(member[1], below, into.Field(at), into.Type().Field(at).Tag)
	}
	for i, name := range names {
		if into.Type().Field(i).Tag.Get("required") == "here" && d.lines[join(path, name)] == 0 {
			d.mistake(d.lines[path], "%s: is missing", join(path, name))
		}
	}
}

// setDefault sets a default, which is from a struct tag of this package.
func (d *decoder) setDefault(into reflect.Value, text string) {
	switch into.Kind() {
	case reflect.Struct: // with keys that have defaults
		for i := range into.NumField() {
			d.setDefault(into.Field(i), into.Type().Field(i).Tag.Get("default"))
		}
	case reflect.Int:
		n, _ := strconv.Atoi(text)
		into.SetInt(int64(n))
	case reflect.String:
		into.SetString(text)
	}
}

func (d *decoder) value(n *yaml.Node, path string, into reflect.Value, tag reflect.StructTag) {
	if n.Kind == yaml.AliasNode {
		d.mistake(n.Line, "%s: aliases are not supported here; write the value out", path)
		return
	}
	if into.Type() == reflect.TypeFor[presence]() {
		into.SetBool(true)
		return
	}
	switch into.Kind() {
	case reflect.Pointer:
		target := reflect.New(into.Type().Elem())
		d.structure(n, path, target.Elem())
		into.Set(target)
	case reflect.Struct:
		d.structure(n, path, into)
	case reflect.Slice:
		d.list(n, path, into)
	case reflect.Map:
		out := reflect.MakeMap(into.Type())
		for _, member := range d.mapping(n, path) {
			below := path + "[" + printable(member[0].Value) + "]"
			d.lines[below] = member[0].Line
			text := reflect.New(into.Type().Elem()).Elem()
			d.value(member[1], below, text, tag)
			out.SetMapIndex(reflect.ValueOf(member[0].Value), text)
		}
		into.Set(out)
	default:
		d.scalar(n, path, into, tag)
	}
}

func (d *decoder) list(n *yaml.Node, path string, into reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.mistake(n.Line, "%s: is not a list", path)
		return
	}
	out := reflect.MakeSlice(into.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		below := fmt.Sprintf("%s[%d]", path, i)
		d.lines[below] = item.Line
		d.value(item, below, out.Index(i), "")
	}
	into.Set(out)
}

func (d *decoder) scalar(n *yaml.Node, path string, into reflect.Value, tag reflect.StructTag) {
	switch {
	case n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" || n.Value == "":
		d.mistake(n.Line, "%s: has no value, or one of another kind; set a value or remove the key", path)
	case into.Kind() == reflect.Bool:
		d.boolean(n, path, into)
	case into.Kind() == reflect.Int:
		d.integer(n, path, into, tag)
	case n.ShortTag() != "!!str":
		d.mistake(n.Line, "%s: is not a string; put it in quotes", path)
	case strings.ContainsFunc(n.Value, unicode.IsControl):
		d.mistake(n.Line, "%s: has a control character", path)
	case tag.Get("enum") != "" && !slices.Contains(strings.Split(tag.Get("enum"), ","), n.Value):
		d.mistake(n.Line, "%s: must be one of %s", path, strings.ReplaceAll(tag.Get("enum"), ",", ", "))
	default:
		into.SetString(n.Value)
	}
}

func (d *decoder) boolean(n *yaml.Node, path string, into reflect.Value) {
	if n.ShortTag() != "!!bool" || n.Value != "true" && n.Value != "false" {
		d.mistake(n.Line, "%s: must be true or false, without quotes", path)
		return
	}
	into.SetBool(n.Value == "true")
}

func (d *decoder) integer(n *yaml.Node, path string, into reflect.Value, tag reflect.StructTag) {
	lowest, _ := strconv.Atoi(tag.Get("min")) // from struct tags of this package
	highest, _ := strconv.Atoi(tag.Get("max"))
	number, err := strconv.Atoi(n.Value)
	if err != nil || n.ShortTag() != "!!int" || number < lowest || number > highest || strconv.Itoa(number) != n.Value {
		d.mistake(n.Line, "%s: must be a whole number from %d to %d", path, lowest, highest)
		return
	}
	into.SetInt(int64(number))
}

// base returns the path of a file that a file names.
func base(file, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(file), name)
}
