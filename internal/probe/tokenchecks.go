package probe

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// tokenChecks are about credentials that the server must reject.
func tokenChecks() (all []check) {
	for _, row := range malformedRows() {
		all = append(all, check{row.id, row.section, row.level, row.wanted, judgeMalformed(row.id)})
	}
	for _, row := range append(forgedRows(), issuedRows()...) {
		all = append(all, check{row.id, row.section, row.level, row.wanted, judgeRejected(row.id)})
	}
	return append(all, []check{
		{"rejected-status", mcpHandling, Must, "The status for every rejected token is 401.", judgeRejectedStatus},
		{"rejected-challenge", "RFC 9110 §11.6.1", Must, "Each 401 for a rejected token has a Bearer challenge.", judgeRejectedChallenge},
		{"rejected-grammar", "RFC 9110 §11.6.1", Must, "WWW-Authenticate follows its grammar in each 401 for a rejected token, whatever the error is.", judgeRejectedGrammar},
		{"rejected-error", "RFC 6750 §3.1", Should, "The challenge for a rejected token has error=\"invalid_token\".", judgeRejectedError},
		{"rejected-metadata", "RFC 9728 §5.1", Should, "If the challenge without a token has resource_metadata, that for a rejected token has it too.", judgeRejectedMetadata},
		{"reflection", "RFC 6750 §5.3", Should, "No response contains a part of a token.", judgeReflection},
	}...)
}

func judgeMalformed(id string) func(*evidence) verdict {
	return func(e *evidence) verdict {
		r := e.rejected[id].reply
		if r.err != nil {
			return notChecked(r.describe())
		}
		return goodIf(r.status == http.StatusBadRequest || r.status == http.StatusUnauthorized, r.describe())
	}
}

// judgeRejected accepts every 4xx status. The check rejected-status is about the number.
func judgeRejected(id string) func(*evidence) verdict {
	return func(e *evidence) verdict {
		a := e.rejected[id]
		switch {
		case a.why != "":
			return notChecked(a.why)
		case a.reply.err != nil:
			return notChecked(a.reply.describe())
		case e.takes(a.reply):
			return bad(a.reply.describe())
		case a.reply.isRedirect():
			return notApplicable("the server redirects")
		case a.reply.status == http.StatusServiceUnavailable && a.reply.header.Get("Retry-After") != "":
			// A server limits how often it fetches keys because of unknown tokens.
			return notChecked("the server could not verify the token now: status 503 with Retry-After")
		case a.reply.status == http.StatusTooManyRequests:
			return notChecked("the server limits the rate of requests: status 429")
		}
		return goodIf(a.reply.status >= 400 && a.reply.status < 500, a.reply.describe())
	}
}

// rejectedTokens returns the responses with a 4xx status to tokens, in the order of the table. A
// long token can also exceed the limit for a header.
func (e *evidence) rejectedTokens() (ids []string, replies []reply) {
	for _, row := range append(forgedRows(), issuedRows()...) {
		a := e.rejected[row.id]
		if row.id != "long-token" && a.why == "" && !e.takes(a.reply) && a.reply.status >= 400 && a.reply.status < 500 && a.reply.status != http.StatusTooManyRequests {
			ids, replies = append(ids, row.id), append(replies, a.reply)
		}
	}
	return ids, replies
}

func judgeRejectedStatus(e *evidence) verdict {
	var found []string
	ids, replies := e.rejectedTokens()
	for n, r := range replies {
		if r.status != http.StatusUnauthorized {
			found = append(found, fmt.Sprintf("%s: status %d", ids[n], r.status))
		}
	}
	return orNone(len(ids), found)
}

// orNone judges problems of rejected tokens, if there was one at all.
func orNone(looked int, found []string) verdict {
	if looked == 0 {
		return notApplicable("no token was rejected")
	}
	return problems(found)
}

// eachRejected applies a rule to the 401 responses for tokens whose field WWW-Authenticate follows
// its grammar. The rule gets the Bearer challenge.
func (e *evidence) eachRejected(rule func(c challenge, ok bool) string) verdict {
	var found []string
	looked := 0
	ids, replies := e.rejectedTokens()
	for n, r := range replies {
		if r.status != http.StatusUnauthorized {
			continue
		}
		all, err := challengesOf(r)
		if err != nil {
			continue
		}
		looked++
		c, ok := bearerOf(all)
		if problem := rule(c, ok); problem != "" {
			found = append(found, ids[n]+": "+problem)
		}
	}
	return orNone(looked, found)
}

func judgeRejectedChallenge(e *evidence) verdict {
	return e.eachRejected(func(_ challenge, ok bool) string { return unless(ok, "no Bearer challenge") })
}

func judgeRejectedGrammar(e *evidence) verdict {
	var found []string
	ids, replies := e.rejectedTokens()
	for n, r := range replies {
		if _, err := challengesOf(r); err != nil && len(found) == 0 {
			found = append(found, fmt.Sprintf("%s: %v: %s", ids[n], err, strings.Join(r.header.Values("WWW-Authenticate"), " | ")))
		}
	}
	return orNone(len(ids), found)
}

func judgeRejectedError(e *evidence) verdict {
	return e.eachRejected(func(c challenge, ok bool) string {
		p, _ := c.get("error")
		return unless(!ok || p.value == "invalid_token", fmt.Sprintf("error %q", p.value))
	})
}

func judgeRejectedMetadata(e *evidence) verdict {
	if _, ok := e.bearer().get("resource_metadata"); !ok {
		return notApplicable("the challenge without a token has no resource_metadata")
	}
	return e.eachRejected(func(c challenge, ok bool) string {
		_, has := c.get("resource_metadata")
		return unless(!ok || has, "no resource_metadata")
	})
}

func judgeReflection(e *evidence) verdict {
	parts := e.sender.parts(reflectedPart)
	if n := slices.IndexFunc(e.sender.all, func(r reply) bool { return reflects(r, parts) }); n >= 0 {
		return bad(fmt.Sprintf("a response with status %d contains a part of a token", e.sender.all[n].status))
	}
	return good("as wanted")
}
