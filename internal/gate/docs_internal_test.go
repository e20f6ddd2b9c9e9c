package gate

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// rows returns the rows of docs/gate.md about a block of keys.
func rows(block any) (all []string) {
	t := reflect.TypeOf(block)
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		value := ""
		switch {
		case tag.Get("required") == "here":
			value = "required"
		case tag.Get("default") != "":
			value = "`" + tag.Get("default") + "`"
		}
		limits := ""
		if tag.Get("max") != "" {
			limits = fmt.Sprintf(". %s to %s", tag.Get("min"), tag.Get("max"))
		}
		if enum := tag.Get("enum"); enum != "" {
			limits = ": `" + strings.ReplaceAll(enum, ",", "`, `") + "`"
		}
		all = append(all, fmt.Sprintf("| `%s` | %s | %s |", tag.Get("yaml"), value, tag.Get("doc")+limits))
	}
	return all
}

// docs/gate.md has a table for each block of gate.yaml, with exactly its keys, in their order.
func TestTablesOfKeys(t *testing.T) {
	body, err := os.ReadFile("../../docs/gate.md")
	if err != nil {
		t.Fatal(err)
	}
	document := string(body)
	for _, block := range []struct {
		name  string
		value any
	}{{"key", settings{}}, {"key of tls", tlsSettings{}}, {"key of limits", limits{}}, {"key of shutdown", shutdown{}}, {"key of identity", identity{}},
		{"key of an upstream", upstreamSet{}}, {"key of forward_auth", forwardSettings{}}} {
		_, table, found := strings.Cut(document, "| "+block.name+" | default | meaning |\n|---|---|---|\n")
		table, _, _ = strings.Cut(table, "\n\n")
		want := rows(block.value)
		if got := strings.Split(strings.TrimSpace(table), "\n"); !found || !slices.Equal(got, want) {
			t.Errorf("the table %q must be\n%s", block.name, strings.Join(want, "\n"))
		}
	}
}

// docs/gate.md lists the fields that every upstream gets.
func TestListOfFields(t *testing.T) {
	body, err := os.ReadFile("../../docs/gate.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(body), "- These header fields of the client: ")
	list, _, _ = strings.Cut(list, ", all `Mcp-*`")
	got := strings.Split(strings.Join(strings.Fields(strings.ReplaceAll(list, "`", "")), " "), ", ")
	if want := slices.Sorted(maps.Keys(passed)); !slices.Equal(got, want) {
		t.Errorf("docs/gate.md lists %q, want %q", got, want)
	}
}
