package main

import (
	"fmt"
	"math"
	"strings"
)

// A target is a performance requirement and its result. required is the limit that must
// be met; goal is a stricter one.
type target struct{ name, required, goal, measured, result string }

type targetList []target

// atMost adds a target that is met if value is at most required.
func (l *targetList) atMost(name string, value, required, goal float64, unit string) {
	l.add(name, "≤ ", value, required, goal, unit, value <= required, value <= goal)
}

// atLeast adds a target that is met if value is at least required.
func (l *targetList) atLeast(name string, value, required, goal float64, unit string) {
	l.add(name, "≥ ", value, required, goal, unit, value >= required, value >= goal)
}

func (l *targetList) add(name, sign string, value, required, goal float64, unit string, meetsRequired, meetsGoal bool) {
	result := "missed"
	if meetsGoal {
		result = "goal met"
	} else if meetsRequired {
		result = "met"
	}
	format := func(v float64) string {
		return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.3f", v), "0"), ".") + unit
	}
	*l = append(*l, target{name, sign + format(required), sign + format(goal), format(value), result})
}

// row returns the row with that name. It panics if there is none.
func (t table) row(name string) measurement {
	for _, m := range t.rows {
		if m.name == name {
			return m
		}
	}
	panic("no row " + name)
}

// peer is the contender that some targets compare warder with.
const peer = "go-sdk + golang-jwt + keyfunc"

func targets(r results) (l targetList) {
	rs, rsLarge := r.newTokens["RS256 700"], r.newTokens["RS256 2500"]
	l.atMost("new token, RS256, 700 B: × baseline", rs.row(warderDefault).ratio, 1.08, 1.02, "")
	l.atMost("new token, RS256, 2.5 KB: × baseline", rsLarge.row(warderDefault).ratio, 1.08, 0.90, "")
	l.atMost("new token, RS256: allocations", math.Round(rs.row(warderDefault).allocs), 45, 45, "")
	for _, alg := range []string{"ES256", "EdDSA"} {
		for _, size := range tokenSizes {
			l.atMost(fmt.Sprintf("new token, %s, %d B: × baseline", alg, size), r.newTokens[fmt.Sprint(alg, " ", size)].row(warderDefault).ratio, 1.06, 1.02, "")
		}
	}
	small, large := r.repeatedTokens["RS256 700"], r.repeatedTokens["RS256 2500"]
	l.atMost("cached token, KeepAuthorization, 700 B: × baseline", small.row(warderKeepHeader).ratio, 1.25, 1.10, "")
	l.atMost("cached token, KeepAuthorization, 2.5 KB: × baseline", large.row(warderKeepHeader).ratio, 1.15, 1.10, "")
	l.atMost("cached token, KeepAuthorization: allocations", math.Round(small.row(warderKeepHeader).allocs), 3, 2, "")
	l.atMost("cached token, header removed, 700 B: × baseline", small.row(warderDefault).ratio, 1.7, 1.4, "")
	l.atMost("cached token, header removed, 2.5 KB: × baseline", large.row(warderDefault).ratio, 1.7, 1.4, "")
	l.atMost("cached token, header removed: allocations", math.Round(small.row(warderDefault).allocs), 7, 7, "")
	for _, name := range []string{warderKeepHeader, warderDefault} { // the peer does not remove the header
		l.atLeast(fmt.Sprintf("%s, cached token, 700 B: times faster than %s", name, peer), small.row(peer).ratio/small.row(name).ratio, 40, 55, "")
		l.atLeast(fmt.Sprintf("%s, cached token, 2.5 KB: times faster than %s", name, peer), large.row(peer).ratio/large.row(name).ratio, 25, 35, "")
	}
	l.atMost("cached token beside unknown kids: p99", float64(r.latencies[len(r.latencies)-1].p99.Nanoseconds())/1e3, 5, 3, " µs")
	onEcho := small.row(warderEcho)
	l.atMost("cached token: Echo above net/http", (onEcho.ns-small.row(warderDefault).ns)/1e3, 1, 0.5, " µs")
	l.atMost("cached token: Echo above net/http, allocations", math.Round(onEcho.allocs-small.row(warderDefault).allocs), 4, 4, "")
	l.atLeast("end to end, 700 B: share of no auth", relativeShare(r.loadSmall, warderDefault, noAuthName), 0.88, 0.93, "")
	l.atLeast("end to end, 2.5 KB: share of the baseline", relativeShare(r.loadLarge, warderDefault, cacheBaselineName), 0.94, 0.98, "")
	rejected := r.rejections[0]
	l.atMost("rejection: missing token", rejected.row(missingToken).ns/1e3, 0.5, 0.25, " µs")
	l.atMost("rejection: malformed token", rejected.row(malformed).ns/1e3, 1.5, 0.8, " µs")
	l.atMost("rejection: expired, × valid new token", rejected.row(expired).ratio, 0.25, 0.12, "")
	l.atMost("rejection: wrong audience, × valid new token", rejected.row(wrongAudience).ratio, 0.25, 0.12, "")
	l.atMost("rejection: unknown kid, no fetch due", rejected.row(unknownKid).ns/1e3, 3, 1.5, " µs")
	l.atLeast(fmt.Sprintf("throughput with %.0f rejections/s: share of that without", r.invalidPerSecond), r.invalidLoadShare, 0.8, 0.9, "")
	l.atMost("operation rules, body of 1 KB: above no rules", (r.toolCalls.rows[1].ns-r.toolCalls.rows[0].ns)/1e3, 2, 1, " µs")
	l.atMost("introspection: calls for 100 tokens", float64(r.introspection[1].calls), 100, 100, "")
	l.atLeast("introspection: × naive", r.introspection[1].perSecond/r.introspection[0].perSecond, 10, 20, "")
	for _, parameter := range []string{byIssuers, byKeys, byOperationRules, byResourceRules} {
		points := r.curve(parameter).points
		l.atMost("growth with "+parameter, points[len(points)-1].ratio, 1.1, 1.03, "")
	}
	l.atMost("memory per cached token, without its claims", r.bytesPerToken-r.claimBytes, 500, 400, " B")
	l.atMost("first token after a cold start: above the round trip", float64(r.coldStart.Microseconds())/1e3, 5, 2, " ms")
	return l
}

// dpopTargets returns the targets for DPoP. They have no stricter goals.
func dpopTargets(r dpopResults) (l targetList) {
	atMost := func(name string, value, required float64) { l.atMost(name, value, required, required, "") }
	for _, alg := range dpopAlgorithms {
		atMost(alg+", cached token: × baseline", r.cached[alg].row(warderDefault).ratio, 1.10)
		atMost(alg+", new token: × baseline", r.fresh[alg].row(warderDefault).ratio, 1.08)
		for _, name := range []string{falseSignature, wrongURL, otherKey} {
			atMost(alg+", "+name+": × valid proof", r.rejection[alg].row(name).ratio, 1)
		}
	}
	cached, fresh := r.bearerCached.row(dpopAccepted), r.bearerNew.row(dpopAccepted)
	atMost("Bearer, cached token, DPoP accepted: × DPoP off", cached.ratio, 1.05)
	atMost("Bearer, new token, DPoP accepted: × DPoP off", fresh.ratio, 1.05)
	atMost("Bearer, cached token, DPoP accepted: allocations above DPoP off", math.Round(cached.allocs-r.bearerCached.row(dpopOff).allocs), 0)
	atMost("Bearer, new token, DPoP accepted: allocations above DPoP off", math.Round(fresh.allocs-r.bearerNew.row(dpopOff).allocs), 0)
	return l
}

// sharedTargets returns the targets for shared state. Those of the store are missing without one.
func sharedTargets(r sharedResults) (l targetList) {
	none := r.requests.row(noRevocations)
	for _, name := range []string{emptyList, fullList, storeList} {
		row := r.requests.row(name)
		l.atMost("cached token, "+name+": × "+noRevocations, row.ratio, 1.02, 1.02, "")
		l.atMost("cached token, "+name+": allocations above "+noRevocations, max(0, math.Round(row.allocs-none.allocs)), 0, 0, "")
	}
	for _, m := range r.checks.rows {
		l.atMost("List.Revoked, "+m.name+": allocations", math.Round(m.allocs), 0, 0, "")
	}
	for _, e := range r.entryBytes {
		l.atMost(fmt.Sprintf("memory of a revocation, %d entries", e.entries), e.each, 58, 58, " B")
	}
	if r.store == nil {
		return l
	}
	l.atMost("addition: until another list reports the token, p99", microseconds(r.store.spread.p99)/1e3, 1000, 50, " ms")
	l.atMost(fmt.Sprintf("introspection: calls of %d processes for 100 tokens", answeringProcesses), float64(r.store.calls[1].calls), 100, 100, "")
	return l
}

// curve returns the first curve with that parameter. It panics if there is none.
func (r results) curve(parameter string) curve {
	for _, c := range r.curves {
		if c.parameter == parameter {
			return c
		}
	}
	panic("no curve by " + parameter)
}

// relativeShare returns the throughput of a server relative to another.
func relativeShare(rows []loadResult, name, other string) float64 {
	var a, b float64
	for _, l := range rows {
		switch l.name {
		case name:
			a = l.share
		case other:
			b = l.share
		}
	}
	return a / b
}
