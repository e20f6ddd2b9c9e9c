package providertest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/resourcetest"
)

const recipeFolder = "../../testdata/recipes"

// A recipeCase is a token with a call of a tool. Want is "200", or the logged reason and the logged
// actual value.
type recipeCase struct {
	tokenCase
	Call json.RawMessage `json:"call"` // params of tools/call; nil: another message
	Want string          `json:"want"`
}

type recipeFixture struct {
	Documents map[string]json.RawMessage `json:"documents"`
	Cases     []recipeCase               `json:"cases"`
}

func loadRecipe(t *testing.T, name string) (f recipeFixture) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(recipeFolder, name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var cases []*tokenCase
	for n := range f.Cases {
		cases = append(cases, &f.Cases[n].tokenCase)
	}
	inherit(cases)
	return f
}

// recipeBlocks returns the YAML blocks of docs/recipes.md by the headings above them.
func recipeBlocks(t *testing.T) map[string]string {
	t.Helper()
	data, err := os.ReadFile("../../docs/recipes.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string]string{}
	for section := range strings.SplitSeq(string(data), "\n## ") {
		heading, rest, _ := strings.Cut(section, "\n")
		if _, block, found := strings.Cut(rest, "```yaml\n"); found {
			block, rest, _ = strings.Cut(block, "```\n")
			if strings.Contains(rest, "```") {
				t.Errorf("%s: the section has more than one block", heading)
			}
			blocks[heading] = block
		}
	}
	return blocks
}

// The configuration of each recipe, in Go and as the YAML in the documentation, accepts the tokens
// that it is for and rejects the near misses.
func TestRecipes(t *testing.T) {
	blocks := recipeBlocks(t)
	for name, configure := range recipes {
		t.Run(name, func(t *testing.T) {
			f := loadRecipe(t, name)
			issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
			if err != nil {
				t.Fatal(err)
			}
			defer issuer.Close()
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				logger := slog.New(slog.NewJSONHandler(&log, nil))
				p := &provider{t: t, fixture: &fixture{Documents: f.Documents}}
				c := configure(verifiers{t, p, logger, ""})
				c.Identifier, c.Logger = identifier, logger
				inGo, err := resource.New(c)
				if err != nil {
					t.Fatal(err)
				}
				live, err := config.New(config.Config{Text: []byte(blocks[recipeHeadings[name]]), Environ: []string{}, Transport: p, Logger: logger})
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range f.Cases {
					token := s.token(t, issuer)
					for form, res := range map[string]*resource.Resource{"in Go": inGo, "as YAML": live.Resource()} {
						log.Reset()
						if got := s.send(t, res, token, &log); got != s.Want {
							t.Errorf("%s, %s: got %s, want %s\n%s", s.Name, form, got, s.Want, log.String())
						}
					}
				}
			})
		})
	}
}

// send returns what the case has as its want. A rejection because of a condition must have no
// challenge.
func (s *recipeCase) send(t *testing.T, res *resource.Resource, token string, log *bytes.Buffer) string {
	t.Helper()
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
	if s.Call != nil {
		body = fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":%s}`, s.Call)
	}
	req := httptest.NewRequest(http.MethodPost, identifier, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	nethttp.Middleware(res)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, req)
	if w.Code == http.StatusOK {
		return "200"
	}
	var line struct{ Reason, Got string }
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Errorf("%s: invalid log record %s: %v", s.Name, log, err)
	}
	status, challenge := w.Code, w.Header().Get("WWW-Authenticate")
	if line.Reason == "condition" && (status != http.StatusForbidden || challenge != "") {
		t.Errorf("%s: got %d %s", s.Name, status, challenge)
	}
	return line.Reason + ": " + line.Got
}

// Every recipe has a configuration, a fixture with accepted tokens and near misses, and a block in
// the documentation, and there are no others.
func TestRecipesAreComplete(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(recipeFolder, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, path := range paths {
		files = append(files, strings.TrimSuffix(filepath.Base(path), ".json"))
	}
	names := slices.Sorted(maps.Keys(recipes))
	if len(names) != 10 || !slices.Equal(files, names) || !slices.Equal(slices.Sorted(maps.Keys(recipeHeadings)), names) {
		t.Errorf("got fixtures %q, configurations %q and headings of %q", files, names, slices.Sorted(maps.Keys(recipeHeadings)))
	}
	documented, headings := slices.Sorted(maps.Keys(recipeBlocks(t))), slices.Sorted(maps.Values(recipeHeadings))
	if !slices.Equal(documented, headings) {
		t.Errorf("docs/recipes.md has blocks of %q, want %q", documented, headings)
	}
	for _, name := range names {
		accepted, failed := 0, 0
		for _, s := range loadRecipe(t, name).Cases {
			if s.Want == "200" {
				accepted++
			} else if strings.HasPrefix(s.Want, "condition: ") {
				failed++
			}
		}
		if accepted < 1 || failed < 4 {
			t.Errorf("%s: got %d accepted tokens and %d that fail a condition, want at least 1 and 4", name, accepted, failed)
		}
	}
}
