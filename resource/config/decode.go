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

// A decoder fills Settings from nodes. Every mistake is noted, and the rest goes on.
type decoder struct {
	lookup func(name string) (string, bool) // of variables
	places map[string]place                 // of keys, by their paths
	m      *mistakes
}

// A key of a struct.
type key struct {
	name  string
	field reflect.StructField
	index []int
}

// keys lists those of a struct, embedded ones included, in order.
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

// object fills a struct from a mapping.
func (d *decoder) object(n *node, path string, into reflect.Value) {
	if n.kind != mapping {
		d.m.add(n.at, "%s: is not a mapping of keys", path)
		return
	}
	d.places[path] = n.at
	known := keys(into.Type())
	for i := range n.members {
		member := &n.members[i]
		at := slices.IndexFunc(known, func(k key) bool { return k.name == member.name })
		if at < 0 {
			d.unknown(path, member, into.Type())
			continue
		}
		below := join(path, member.name)
		d.places[below] = member.at
		d.value(member.value, below, into.FieldByIndex(known[at].index), known[at].field.Tag)
	}
	for _, k := range known {
		if k.field.Tag.Get("required") == "here" && n.member(k.name) == nil {
			d.m.add(n.at, "%s: is missing", join(path, k.name))
		}
	}
}

func (d *decoder) unknown(path string, member *member, of reflect.Type) {
	if !isName(member.name) {
		d.m.add(member.at, "%s: unknown key, not shown, as it does not look like one; is there a space behind the colon?", orBlock(path))
		return
	}
	d.m.add(member.at, "%s: unknown key%s", join(path, member.name), didYouMean(member.name, names(of)))
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func orBlock(path string) string {
	if path == "" {
		return blockName
	}
	return path
}

func (d *decoder) value(n *node, path string, into reflect.Value, tag reflect.StructTag) {
	switch into.Kind() {
	case reflect.String:
		d.string(n, path, into, tag.Get("enum"))
	case reflect.Bool:
		d.bool(n, path, into)
	case reflect.Pointer:
		target := reflect.New(into.Type().Elem())
		before := len(d.m.all)
		if target.Elem().Kind() == reflect.Bool {
			d.bool(n, path, target.Elem())
		} else {
			d.int(n, path, target.Elem(), tag.Get("max"))
		}
		if len(d.m.all) == before {
			into.Set(target)
		}
	case reflect.Slice:
		d.list(n, path, into)
	case reflect.Map:
		d.mapping(n, path, into)
	default:
		panic("config: a type that the reader does not know: " + into.Type().String())
	}
}

// scalar returns the text of a scalar with its variables put in, and whether it comes
// from one. An empty text is refused everywhere: it is a variable that is not what
// somebody thinks, or a key that is better left out.
func (d *decoder) scalar(n *node, path, want string) (text string, variable, ok bool) {
	if n.kind != scalar {
		d.m.add(n.at, "%s: is not %s", path, want)
		return "", false, false
	}
	if n.tag == "!!null" {
		d.m.add(n.at, "%s: has no value; give it one, or leave it out", path)
		return "", false, false
	}
	text, variable = n.text, n.literal
	if !n.literal {
		var err error
		if text, variable, err = expand(n.text, d.lookup); err != nil {
			d.m.add(n.at, "%s: %s", path, err)
			return "", false, false
		}
	}
	if text == "" {
		d.m.add(n.at, "%s: is empty; give it a value, or leave it out", path)
		return "", false, false
	}
	return text, variable, true
}

func (d *decoder) string(n *node, path string, into reflect.Value, enum string) {
	text, variable, ok := d.scalar(n, path, "a text")
	switch {
	case !ok:
	case n.tag != "!!str" && !variable:
		d.m.add(n.at, "%s: is not a text; put it in quotes", path)
	case strings.ContainsFunc(text, unicode.IsControl) || !utf8.ValidString(text):
		d.m.add(n.at, "%s: has a line break or another control character", path)
	case enum != "" && !slices.Contains(strings.Split(enum, ","), text):
		d.m.add(n.at, "%s: is not one of %s%s", path, strings.ReplaceAll(enum, ",", ", "), didYouMean(text, strings.Split(enum, ",")))
	default:
		into.SetString(text)
	}
}

// bool takes true and false, and a variable that says so. Yes, on, 1 and "false" in
// quotes mean different things to different readers.
func (d *decoder) bool(n *node, path string, into reflect.Value) {
	text, variable, ok := d.scalar(n, path, "true or false")
	if !ok {
		return
	}
	if lower := strings.ToLower(text); (lower == "true" || lower == "false") && (n.tag == "!!bool" || variable) {
		into.SetBool(lower == "true")
		return
	}
	d.m.add(n.at, "%s: is not true or false, without quotes", path)
}

func (d *decoder) int(n *node, path string, into reflect.Value, most string) {
	text, variable, ok := d.scalar(n, path, "a number")
	if !ok {
		return
	}
	limit, _ := strconv.Atoi(most) // a tag of ours
	number, err := strconv.Atoi(text)
	if err != nil || n.tag != "!!int" && !variable || number < 0 || number > limit || strings.HasPrefix(text, "+") || len(text) > 1 && text[0] == '0' {
		d.m.add(n.at, "%s: is not a whole number from 0 to %s", path, most)
		return
	}
	into.SetInt(int64(number))
}

func (d *decoder) list(n *node, path string, into reflect.Value) {
	if n.kind != list {
		d.m.add(n.at, "%s: is not a list; write [a, b]", path)
		return
	}
	out := reflect.MakeSlice(into.Type(), len(n.items), len(n.items))
	for i, item := range n.items {
		below := fmt.Sprintf("%s[%d]", path, i)
		d.places[below] = item.at
		if out.Index(i).Kind() == reflect.Struct {
			d.object(item, below, out.Index(i))
		} else {
			d.value(item, below, out.Index(i), "")
		}
	}
	into.Set(out)
}

// mapping fills a map of lists. Its keys are names of the user's: as they are.
func (d *decoder) mapping(n *node, path string, into reflect.Value) {
	if n.kind != mapping {
		d.m.add(n.at, "%s: is not a mapping; write name: [scope]", path)
		return
	}
	out := reflect.MakeMap(into.Type())
	for i := range n.members {
		member := &n.members[i]
		if strings.Contains(member.name, "${") {
			d.m.add(member.at, "%s: a key has ${ in it; variables are put into values only", path)
			continue
		}
		below := fmt.Sprintf("%s[%q]", path, member.name)
		d.places[below] = member.at
		scopes := reflect.New(into.Type().Elem()).Elem()
		d.list(member.value, below, scopes)
		out.SetMapIndex(reflect.ValueOf(member.name), scopes)
	}
	into.Set(out)
}
