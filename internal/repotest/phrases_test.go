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

// notYetRewritten are files that still have such phrases. The list gets shorter,
// never longer.
var notYetRewritten = []string{
	"echoadapter/fixture_test.go",
	"echoadapter/refuse.go",
	"echoadapter/refuse_test.go",
	"echoadapter/routes_test.go",
	"internal/sdktest/forge_test.go",
	"internal/sdktest/gaps_test.go",
	"internal/sdktest/guard_test.go",
	"internal/sdktest/readers_test.go",
	"internal/sdktest/spellings_test.go",
	"nethttp/mcpsdk/lists_test.go",
	"nethttp/mcpsdk/token_test.go",
	"nethttp/sessions.go",
	"nethttp/sessions_stream_test.go",
	"nethttp/sessions_test.go",
	"nethttp/stream_test.go",
	"resource/causes_test.go",
	"resource/credential_test.go",
	"resource/event_test.go",
	"resource/example_test.go",
	"resource/forget_test.go",
	"resource/hostile_response_test.go",
	"resource/issuer_test.go",
	"resource/late_test.go",
	"resource/metrics_test.go",
	"resource/observe_test.go",
	"resource/replace_test.go",
	"resource/resolve_test.go",
	"resource/resourcetest/clients.go",
	"resource/resourcetest/documents.go",
	"resource/resourcetest/failures.go",
	"resource/resourcetest/failures_test.go",
	"resource/resourcetest/faults.go",
	"resource/resourcetest/jwa.go",
	"resource/resourcetest/keys_test.go",
	"resource/resourcetest/mint_test.go",
	"resource/resourcetest/oauth.go",
	"resource/resourcetest/oauth_test.go",
	"resource/resourcetest/object.go",
	"resource/resourcetest/server.go",
	"resource/resourcetest/server_test.go",
	"resource/resourcetest/transport.go",
	"resource/resourcetest/transport_test.go",
	"resource/rules_test.go",
	"resource/stream_open_test.go",
	"resource/stream_test.go",
	"resource/tenants_test.go",
}

// Comments, texts and documents are in plain English: the phrases above do not return.
func TestPlainEnglish(t *testing.T) {
	text := []string{".go", ".md", ".yaml", ".yml", ".mjs", ".txt"}
	for _, name := range append(files(t, ""), ".ci/run", ".ci/interop", ".ci/prometheus", ".golangci.yml") {
		if slices.Contains(phraseExceptions, name) || slices.Contains(notYetRewritten, name) || !strings.HasPrefix(name, ".ci/") && !slices.Contains(text, path.Ext(name)) {
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
