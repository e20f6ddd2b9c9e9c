package probe

import (
	"slices"
	"strings"
)

// Check describes one check.
type Check struct {
	ID      string // does not change between versions
	Section string // of the specification
	Level   Level
	Wanted  string // what the specification asks for, in one sentence
}

// Checks returns all checks in the order of a Report.
func Checks() (all []Check) {
	for _, c := range checks() {
		all = append(all, Check{c.id, c.section, c.level, c.wanted})
	}
	return all
}

// check is one rule with the function that compares what was seen with the rule.
type check struct {
	id, section string
	level       Level
	wanted      string
	judge       func(*evidence) verdict
}

// checks returns the table of all checks.
func checks() []check {
	return slices.Concat(endpointChecks(), spellingChecks(), forwardedChecks(), challengeChecks(), metadataChecks(), serverChecks(), tokenChecks(), acceptanceChecks(), sessionChecks(), corsChecks())
}

// verdict is the result of a judge function.
type verdict struct {
	kind kind
	seen string
}

type kind int

const (
	isGood kind = iota
	isBad
	isNotApplicable
	isNotChecked
)

func good(seen string) verdict         { return verdict{isGood, seen} }
func bad(seen string) verdict          { return verdict{isBad, seen} }
func notApplicable(why string) verdict { return verdict{isNotApplicable, why} }
func notChecked(reason string) verdict { return verdict{isNotChecked, reason} }
func goodIf(ok bool, s string) verdict { return oneOf(ok, good(s), bad(s)) }
func problems(found []string) verdict  { return goodIf(len(found) == 0, noneOr(found)) }
func oneOf(c bool, a, b verdict) verdict {
	if c {
		return a
	}
	return b
}

func noneOr(found []string) string {
	if len(found) == 0 {
		return "as wanted"
	}
	return strings.Join(found, "; ")
}

// answered applies a rule about a reply. Without a response, the rule is not checked.
func answered(r reply, judge func(r reply) verdict) verdict {
	if r.err != nil {
		return notChecked(r.describe())
	}
	return judge(r)
}

// outcome returns the outcome for a rule with a level.
func (v verdict) outcome(level Level) Outcome {
	switch {
	case v.kind == isGood:
		return Pass
	case v.kind == isNotApplicable:
		return NotApplicable
	case v.kind == isNotChecked:
		return NotChecked
	case level == Must:
		return Fail
	}
	return Warn
}

// Sections that several checks have.
const (
	mcpLocation     = "MCP 2025-11-25 authorization, Authorization Server Location"
	mcpDiscovery    = "MCP 2025-11-25 authorization, Protected Resource Metadata Discovery Requirements"
	mcpASDiscovery  = "MCP 2025-11-25 authorization, Authorization Server Metadata Discovery"
	mcpRegistration = "MCP 2025-11-25 authorization, Client Registration Approaches"
	mcpRequirements = "MCP 2025-11-25 authorization, Token Requirements"
	mcpHandling     = "MCP 2025-11-25 authorization, Token Handling"
	mcpErrors       = "MCP 2025-11-25 authorization, Error Handling"
	mcpSecure       = "MCP 2025-11-25 authorization, Communication Security"
	mcpPKCE         = "MCP 2025-11-25 authorization, Authorization Code Protection; RFC 7636 §4.2"
	mcpOrigin       = "MCP 2025-11-25 transports, Security Warning"
	mcpSessions     = "MCP 2025-11-25 security best practices, Session Hijacking"
	mcpScopes       = "MCP 2025-11-25 authorization, Scope Selection Strategy"
	mcpOffline      = "MCP 2026-07-28 authorization, Refresh Tokens"
	fetchCORS       = "Fetch, CORS protocol"
)
