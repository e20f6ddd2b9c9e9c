package repotest_test

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// phrases are turns of phrase that made earlier versions of this repository hard to read, with
// what to write instead.
var phrases = []struct{ pattern, instead string }{
	{`\b(is|are|was|were) no [a-z]+`, `"is not a ..."`},
	{`\bstands? twice\b`, `"duplicate"`},
	{`\b(told|tell|tells) apart\b`, `"distinguish"`},
	{`\bmend(s|ed|ing)?\b`, `"fix"`},
	{`\bnobody (is|has|may|can)\b`, `"no one", or name the thing`},
	{`\bcounts? over\b`, `"overrides"`},
	{`\bgets? in\b`, `"is accepted"`},
	{`\bvouch(es|ed|ing|er|ers)?\b`, `"verify"`},
	{`\bin the place of\b`, `"instead of"`},
	{`\bleft alone\b`, `"not called", "unchanged"`},
	{`\bmade ready\b`, `"compiled", "prepared"`},
	{`\bafterglow\b`, `"result grace period"`},
	{`\bwhoever\b`, `name the client, the operator or the caller`},
	{`\b(take|takes|taken) back (its|their) word\b`, `"invalidate"`},
	{`\bknocks?\b`, `"calls"`},
	{`\bthe house\b`, `"the repository", "the module"`},
	{`\bfront door\b`, `"public entry point"`},
	{`\bout of the way\b`, `say what happens`},
	{`\bhas (its|their) say\b`, `"is applied"`},
	{`\bon trial\b`, `"half-open"`},
	{`\banew\b`, `"again"`},
	{`\btold of\b`, `"notified of"`},
	{`\bbothered\b`, `"called"`},
	{`\bof (its|their|his|one's) own making\b`, `"custom"`},
	{`\bturned away\b`, `"rejected"`},
	{`\bsees? to it\b`, `"ensures"`},
	{`\ba matter of taste\b`, `"implementation-defined"`},
	{`\bwell-kept\b`, `"maintained"`},
	{`\bcome(s)? (back )?to nothing\b`, `say what happens`},
}

// plain matches uses of the phrases that are plain English.
var plain = regexp.MustCompile(`(?i)there[\s/*#]+(is|are|was|were)[\s/*#]+no |(is|are|was|were) no (longer|more|less|later|earlier)\b`)

// phraseExceptions are files whose texts others wrote, or that must contain a phrase.
var phraseExceptions = []string{
	"LICENSE",
	"internal/repotest/phrases_test.go",
}

// Comments, texts and documents are in plain English: the phrases above do not return.
func TestPlainEnglish(t *testing.T) {
	text := []string{".go", ".md", ".yaml", ".yml", ".mjs", ".txt"}
	for _, name := range append(files(t, ""), ".ci/run", ".ci/interop", ".ci/prometheus", ".golangci.yml") {
		if slices.Contains(phraseExceptions, name) || !strings.HasPrefix(name, ".ci/") && !slices.Contains(text, path.Ext(name)) {
			continue
		}
		content := read(t, name)
		for _, p := range phrases {
			for _, at := range regexp.MustCompile(`(?i)`+strings.ReplaceAll(p.pattern, " ", `[\s/*#]+`)).FindAllStringIndex(content, -1) {
				if plain.MatchString(content[max(0, at[0]-len("there ")):at[1]]) {
					continue
				}
				line := 1 + strings.Count(content[:at[0]], "\n")
				t.Errorf("%s:%d: %q: write %s", name, line, content[at[0]:at[1]], p.instead)
			}
		}
	}
}
