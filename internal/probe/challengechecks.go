package probe

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/warder-go/warder/internal/grammar"
)

// challengeChecks are about the field WWW-Authenticate in the response to a POST without a token.
func challengeChecks() []check {
	return []check{
		{"challenge-present", "RFC 6750 §3", Must, "A 401 has the field WWW-Authenticate with a Bearer challenge.", with401(judgePresent)},
		{"challenge-grammar", "RFC 9110 §11.6.1", Must, "WWW-Authenticate follows its grammar.", with401(judgeGrammar)},
		{"challenge-duplicates", "RFC 9110 §11.2", Must, "No parameter is twice in the challenge.", withBearer(judgeDuplicates)},
		{"challenge-characters", "RFC 6750 §3", Must, "error, error_description and scope contain no characters but those of RFC 6750.", withBearer(judgeCharacters)},
		{"challenge-first", "RFC 6750 §3", Should, "Bearer is the first challenge. Some clients look at the first one only.", withBearer(func(e *evidence, _ challenge) verdict {
			return goodIf(strings.EqualFold(e.challenges[0].scheme, "Bearer"), "first scheme "+e.challenges[0].scheme)
		})},
		{"challenge-spelling", "RFC 6750 §3", Should, "There is one Bearer challenge, with double quotes around resource_metadata and scope, and without white space around the equals signs.", withBearer(judgeSpelling)},
		{"challenge-description", "RFC 6750 §3", Should, "error_description does not contain text that looks like a parameter, such as scope=.", withBearer(judgeDescription)},
		{"challenge-no-error", "RFC 6750 §3.1", Should, "The challenge to a request without a token has no error.", withBearer(func(_ *evidence, c challenge) verdict {
			p, ok := c.get("error")
			return goodIf(!ok, oneOfText(ok, fmt.Sprintf("error %q", p.value), "as wanted"))
		})},
		{"challenge-scope", mcpDiscovery, Should, "The challenge has the parameter scope.", withBearer(func(_ *evidence, c challenge) verdict {
			p, ok := c.get("scope")
			return goodIf(ok, fmt.Sprintf("scope %q", p.value))
		})},
		{"challenge-scope-grammar", "RFC 6749 §3.3", Must, "scope is a list of scopes with one space between them, and is not empty.", withBearer(judgeScope)},
		{"challenge-resource-metadata", "RFC 9728 §5.1", Should, "The challenge has the parameter resource_metadata.", withBearer(func(_ *evidence, c challenge) verdict {
			p, ok := c.get("resource_metadata")
			return goodIf(ok, fmt.Sprintf("resource_metadata %q", p.value))
		})},
		{"challenge-metadata-url", "RFC 9728 §5.1", Must, "resource_metadata is an absolute https URL, or an http URL of a loopback host.", withBearer(func(_ *evidence, c challenge) verdict {
			p, ok := c.get("resource_metadata")
			if !ok {
				return notApplicable("no resource_metadata")
			}
			return goodIf(isSecure(p.value), p.value)
		})},
		{"challenge-metadata-document", "RFC 9728 §5.1", Must, "The URL in resource_metadata has the metadata.", withBearer(judgeNamed)},
	}
}

// with401 applies a rule to a 401.
func with401(judge func(*evidence) verdict) func(*evidence) verdict {
	return func(e *evidence) verdict {
		if e.post.status != http.StatusUnauthorized {
			return notApplicable("no 401 without a token: " + e.post.describe())
		}
		return judge(e)
	}
}

// withBearer applies a rule to the first Bearer challenge.
func withBearer(judge func(*evidence, challenge) verdict) func(*evidence) verdict {
	return with401(func(e *evidence) verdict {
		c, ok := bearerOf(e.challenges)
		if !ok {
			return notApplicable("no Bearer challenge: see challenge-present")
		}
		return judge(e, c)
	})
}

func judgePresent(e *evidence) verdict {
	if len(e.challenges) == 0 && e.challengeErr != nil {
		return notApplicable("the field cannot be read: see challenge-grammar")
	}
	_, ok := bearerOf(e.challenges)
	return goodIf(ok, fmt.Sprintf("WWW-Authenticate: %s", strings.Join(e.post.header.Values("WWW-Authenticate"), " | ")))
}

func judgeGrammar(e *evidence) verdict {
	if e.challengeErr != nil {
		return bad(fmt.Sprintf("%v: %s", e.challengeErr, strings.Join(e.post.header.Values("WWW-Authenticate"), " | ")))
	}
	return good("as wanted")
}

func judgeDuplicates(_ *evidence, c challenge) verdict {
	var found []string
	seen := map[string]bool{}
	for _, p := range c.params {
		name := strings.ToLower(p.name)
		if seen[name] {
			found = append(found, "duplicate "+name)
		}
		seen[name] = true
	}
	return problems(found)
}

// judgeCharacters examines all challenges to rejected tokens too, because these have descriptions.
func judgeCharacters(e *evidence, _ challenge) verdict {
	var found []string
	for _, r := range e.rejections() {
		all, _ := challengesOf(r)
		c, _ := bearerOf(all)
		for _, name := range []string{"error", "error_description", "scope"} {
			if p, ok := c.get(name); ok && strings.ContainsFunc(p.value, notAllowed) && len(found) == 0 {
				found = append(found, fmt.Sprintf("%s: %s", name, p.value))
			}
		}
	}
	return problems(found)
}

// notAllowed reports whether RFC 6750 §3 excludes a character from error and error_description.
func notAllowed(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' }

func judgeSpelling(e *evidence, c challenge) verdict {
	var found []string
	for _, p := range c.params {
		name := strings.ToLower(p.name)
		if (name == "resource_metadata" || name == "scope") && !p.quoted {
			found = append(found, name+" is not quoted")
		}
		if p.spaced {
			found = append(found, "white space around the equals sign of "+name)
		}
	}
	count := 0
	for _, c := range e.challenges {
		if strings.EqualFold(c.scheme, "Bearer") {
			count++
		}
	}
	if count > 1 {
		found = append(found, fmt.Sprintf("%d Bearer challenges", count))
	}
	return problems(found)
}

// judgeDescription examines the challenges to rejected tokens too. Clients that search the whole
// field for "scope=" would find the text in the description.
func judgeDescription(e *evidence, _ challenge) verdict {
	for _, r := range e.rejections() {
		all, _ := challengesOf(r)
		c, _ := bearerOf(all)
		p, _ := c.get("error_description")
		for _, text := range []string{"scope=", "error=", "resource_metadata="} {
			if strings.Contains(p.value, text) {
				return bad("error_description: " + p.value)
			}
		}
	}
	return good("as wanted")
}

func judgeScope(_ *evidence, c challenge) verdict {
	p, ok := c.get("scope")
	if !ok {
		return notApplicable("no scope")
	}
	for scope := range strings.SplitSeq(p.value, " ") {
		if !grammar.IsScopeToken(scope) {
			return bad(fmt.Sprintf("scope %q", p.value))
		}
	}
	return good(fmt.Sprintf("scope %q", p.value))
}

func judgeNamed(e *evidence, c challenge) verdict {
	p, ok := c.get("resource_metadata")
	switch {
	case !ok:
		return notApplicable("no resource_metadata")
	case !isSecure(p.value):
		return notApplicable("not a URL for clients: see challenge-metadata-url")
	case p.value == e.inserted.url || p.value == e.root.url:
		return oneOf(e.named.members != nil, good("as wanted"), notApplicable("it is a well-known URL: see the checks of the metadata"))
	case e.named.reply.blocked():
		return notChecked("the address of this host was not allowed: see -allow-host")
	case e.named.err != nil:
		return bad(fmt.Sprintf("%s: not a JSON object: %v", p.value, e.named.err))
	}
	return goodIf(e.named.members != nil, p.value+": "+e.named.reply.describe())
}
