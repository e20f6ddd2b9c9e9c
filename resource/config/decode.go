package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A decoder decodes nodes into Settings. After a mistake it continues with the next key.
type decoder struct {
	lookup    func(name string) (string, bool) // of environment variables
	positions map[string]position              // of keys, by their paths
	mistakes  *mistakes
}

// A key is a key of a mapping and the struct field for it.
type key struct {
	name  string
	field reflect.StructField
	index []int
}

// keys returns the keys of a struct in order, including those of embedded structs.
func keys(t reflect.Type) (all []key) {
	for _, field := range reflect.VisibleFields(t) {
		if name := field.Tag.Get("yaml"); name != "" && !field.Anonymous {
			all = append(all, key{name, field, field.Index})
		}
	}
	return all
}

func names(t reflect.Type) (all []string) {
	for _, k := range keys(t) {
		all = append(all, k.name)
	}
	return all
}

func (d *decoder) decodeStruct(n *node, path string, into reflect.Value) {
	if n.kind != mapping {
		d.mistakes.add(n.at, "%s: is not a mapping of keys", path)
		return
	}
	if _, ok := d.positions[path]; !ok { // else it is the position of the key
		d.positions[path] = n.at
	}
	known := keys(into.Type())
	for i := range n.members {
		member := &n.members[i]
		at := slices.IndexFunc(known, func(k key) bool { return k.name == member.name })
		if at < 0 {
			d.addUnknownKey(path, member, into.Type())
			continue
		}
		below := join(path, member.name)
		d.positions[below] = member.at
		d.decodeValue(member.value, below, into.FieldByIndex(known[at].index), known[at].field.Tag)
	}
	for _, k := range known {
		if k.field.Tag.Get("required") == "here" && n.member(k.name) == nil {
			d.mistakes.add(d.positions[path], "%s: is missing", join(path, k.name))
		}
	}
}

func (d *decoder) addUnknownKey(path string, member *member, t reflect.Type) {
	if !isPrintableKey(member.name) {
		d.mistakes.add(member.at, "%s: unknown key, not shown because it may contain a secret; is a space missing after a colon?", pathOrBlock(path))
		return
	}
	d.mistakes.add(member.at, "%s: unknown key%s", join(path, member.name), didYouMean(member.name, names(t)))
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// pathOrBlock returns the name of the block for the empty path.
func pathOrBlock(path string) string {
	if path == "" {
		return blockName
	}
	return path
}

func (d *decoder) decodeValue(n *node, path string, into reflect.Value, tag reflect.StructTag) {
	switch into.Kind() {
	case reflect.String:
		d.decodeString(n, path, into, tag.Get("enum"))
	case reflect.Bool:
		d.decodeBool(n, path, into)
	case reflect.Pointer:
		target := reflect.New(into.Type().Elem())
		before := d.mistakes.count()
		switch target.Elem().Kind() {
		case reflect.Bool:
			d.decodeBool(n, path, target.Elem())
		case reflect.Struct:
			d.decodeStruct(n, path, target.Elem())
		default:
			d.decodeInt(n, path, target.Elem(), tag)
		}
		if d.mistakes.count() == before {
			into.Set(target)
		}
	case reflect.Slice:
		d.decodeList(n, path, into)
	case reflect.Map:
		d.decodeMap(n, path, into)
	case reflect.Interface:
		d.decodeTyped(n, path, into)
	case reflect.Struct:
		d.decodeStruct(n, path, into)
	default:
		panic("config: unsupported type " + into.Type().String())
	}
}

// scalar returns the text of a scalar with its variables expanded, and whether the text
// is from a variable. Empty texts are mistakes: they are from an unexpected value of a
// variable, or from a key that should be removed.
func (d *decoder) scalar(n *node, path, want string) (text string, variable, ok bool) {
	if n.kind != scalar {
		d.mistakes.add(n.at, "%s: is not %s", path, want)
		return "", false, false
	}
	if n.tag == "!!null" {
		d.mistakes.add(n.at, "%s: has no value; set one or remove the key", path)
		return "", false, false
	}
	text, variable = n.text, n.literal
	if !n.literal {
		var err error
		if text, variable, err = expand(n.text, d.lookup); err != nil {
			d.mistakes.add(n.at, "%s: %s", path, err)
			return "", false, false
		}
	}
	if text == "" {
		d.mistakes.add(n.at, "%s: is empty; set a value or remove it", path)
		return "", false, false
	}
	return text, variable, true
}

func (d *decoder) decodeString(n *node, path string, into reflect.Value, enum string) {
	text, variable, ok := d.scalar(n, path, "a string")
	switch {
	case !ok:
	case n.tag != "!!str" && !variable:
		d.mistakes.add(n.at, "%s: is not a string; put it in quotes", path)
	case strings.ContainsFunc(text, unicode.IsControl) || !utf8.ValidString(text):
		d.mistakes.add(n.at, "%s: has %s", path, controlCharacter(text))
	case enum != "" && !slices.Contains(strings.Split(enum, ","), text):
		d.mistakes.add(n.at, "%s: must be one of %s%s", path, strings.ReplaceAll(enum, ",", ", "), didYouMean(text, strings.Split(enum, ",")))
	default:
		into.SetString(text)
	}
}

// decodeTyped accepts a string, a whole number or a boolean, and keeps its type. A value with a
// variable is a string.
func (d *decoder) decodeTyped(n *node, path string, into reflect.Value) {
	_, variable, ok := d.scalar(n, path, "a string, a whole number or a boolean")
	switch {
	case !ok:
	case n.tag == "!!str", variable && !n.literal:
		var text string
		d.decodeString(n, path, reflect.ValueOf(&text).Elem(), "")
		into.Set(reflect.ValueOf(text))
	case n.tag == "!!bool":
		var is bool
		d.decodeBool(n, path, reflect.ValueOf(&is).Elem())
		into.Set(reflect.ValueOf(is))
	default:
		number, err := strconv.ParseInt(n.text, 10, 64)
		if err != nil || strconv.FormatInt(number, 10) != n.text {
			d.mistakes.add(n.at, "%s: is neither a string nor a boolean nor a whole number of at most 64 bits; put a string in quotes", path)
			return
		}
		into.Set(reflect.ValueOf(number))
	}
}

// controlCharacter describes the first control character of a text.
func controlCharacter(text string) string {
	switch at := strings.IndexFunc(text, unicode.IsControl); {
	case at >= 0 && text[at] == '\t':
		return "a tab"
	case at >= 0 && (text[at] == '\n' || text[at] == '\r'):
		return "a line break"
	}
	return "a control character"
}

// decodeBool accepts only true and false, and variables with these values. YAML parsers
// disagree about yes, on, 1 and "false" in quotes.
func (d *decoder) decodeBool(n *node, path string, into reflect.Value) {
	text, variable, ok := d.scalar(n, path, "true or false")
	if !ok {
		return
	}
	if lower := strings.ToLower(text); (lower == "true" || lower == "false") && (n.tag == "!!bool" || variable) {
		into.SetBool(lower == "true")
		return
	}
	d.mistakes.add(n.at, "%s: must be true or false, without quotes", path)
}

// decodeInt accepts decimal numbers within the limits of the tag. The minimum is 0 by default.
func (d *decoder) decodeInt(n *node, path string, into reflect.Value, tag reflect.StructTag) {
	text, variable, ok := d.scalar(n, path, "a number")
	if !ok {
		return
	}
	lowest, _ := strconv.ParseInt(tag.Get("min"), 10, 64) // the limits are from struct tags of this package
	highest, _ := strconv.ParseInt(tag.Get("max"), 10, 64)
	number, err := strconv.Atoi(text)
	if err != nil || n.tag != "!!int" && !variable || int64(number) < lowest || int64(number) > highest || strings.HasPrefix(text, "+") || len(text) > 1 && text[0] == '0' {
		d.mistakes.add(n.at, "%s: must be a whole number from %d to %d", path, lowest, highest)
		return
	}
	into.SetInt(int64(number))
}

func (d *decoder) decodeList(n *node, path string, into reflect.Value) {
	if n.kind != list {
		d.mistakes.add(n.at, "%s: is not a list; write [a, b]", path)
		return
	}
	out := reflect.MakeSlice(into.Type(), len(n.items), len(n.items))
	for i, item := range n.items {
		below := fmt.Sprintf("%s[%d]", path, i)
		d.positions[below] = item.at
		d.decodeValue(item, below, out.Index(i), "")
	}
	into.Set(out)
}

// decodeMap decodes a map of lists, of strings or of structs. Its keys are names of scopes, tools
// and the like: variables in them are not expanded.
func (d *decoder) decodeMap(n *node, path string, into reflect.Value) {
	if n.kind != mapping {
		example := map[reflect.Kind]string{reflect.Slice: "name: [scope]", reflect.String: "scope: name", reflect.Struct: "name: {key: value}"}[into.Type().Elem().Kind()]
		d.mistakes.add(n.at, "%s: is not a mapping; write %s", path, example)
		return
	}
	out := reflect.MakeMap(into.Type())
	for i := range n.members {
		member := &n.members[i]
		if strings.Contains(member.name, "${") {
			d.mistakes.add(member.at, "%s: a key contains ${; variables are expanded only in values", path)
			continue
		}
		below := fmt.Sprintf("%s[%q]", path, member.name)
		d.positions[below] = member.at
		value := reflect.New(into.Type().Elem()).Elem()
		d.decodeValue(member.value, below, value, "")
		out.SetMapIndex(reflect.ValueOf(member.name), value)
	}
	into.Set(out)
}
