package main

import (
	"fmt"
	"math"
	"strings"
)

// A target is a promise about speed, and what came of it.
type target struct{ what, must, aim, reached, verdict string }

type targetList []target

// below adds a target that is reached if the value is at most the first number.
func (l *targetList) below(what string, value, must, aim float64, unit string) {
	l.add(what, "≤ ", value, must, aim, unit, value <= must, value <= aim)
}

func (l *targetList) above(what string, value, must, aim float64, unit string) {
	l.add(what, "≥ ", value, must, aim, unit, value >= must, value >= aim)
}

func (l *targetList) add(what, sign string, value, must, aim float64, unit string, ok, great bool) {
	verdict := "missed"
	if great {
		verdict = "aim"
	} else if ok {
		verdict = "must"
	}
	form := func(v float64) string {
		return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.3f", v), "0"), ".") + unit
	}
	*l = append(*l, target{what, sign + form(must), sign + form(aim), form(value), verdict})
}

// row returns the figures of a contender in a table.
func (t table) row(name string) figures {
	for _, f := range t.rows {
		if f.name == name {
			return f
		}
	}
	panic("no row " + name)
}

const (
	plain   = "warder"
	keeping = "warder, KeepAuthorization"
	peer    = "go-sdk + golang-jwt + keyfunc"
)

func targets(r results) (l targetList) {
	rs, rsLarge := r.fresh["RS256 700"], r.fresh["RS256 2500"]
	l.below("new token, RS256, 700 B: × limit", rs.row(plain).ratio, 1.08, 1.02, "")
	l.below("new token, RS256, 2.5 KB: × limit", rsLarge.row(plain).ratio, 1.08, 0.90, "")
	l.below("new token, RS256: allocations", math.Round(rs.row(plain).allocs), 45, 45, "")
	for _, alg := range []string{"ES256", "EdDSA"} {
		for _, size := range sizes {
			l.below(fmt.Sprintf("new token, %s, %d B: × limit", alg, size), r.fresh[fmt.Sprint(alg, " ", size)].row(plain).ratio, 1.06, 1.02, "")
		}
	}
	small, large := r.repeated["RS256 700"], r.repeated["RS256 2500"]
	l.below("remembered, KeepAuthorization, 700 B: × limit", small.row(keeping).ratio, 1.25, 1.10, "")
	l.below("remembered, KeepAuthorization, 2.5 KB: × limit", large.row(keeping).ratio, 1.15, 1.10, "")
	l.below("remembered, KeepAuthorization: allocations", math.Round(small.row(keeping).allocs), 3, 2, "")
	l.below("remembered, header removed, 700 B: × limit", small.row(plain).ratio, 1.7, 1.4, "")
	l.below("remembered, header removed, 2.5 KB: × limit", large.row(plain).ratio, 1.7, 1.4, "")
	l.below("remembered, header removed: allocations", math.Round(small.row(plain).allocs), 7, 7, "")
	for _, mine := range []string{keeping, plain} { // the peer keeps the header
		l.above(fmt.Sprintf("%s, remembered, 700 B: times faster than %s", mine, peer), small.row(peer).ratio/small.row(mine).ratio, 40, 55, "")
		l.above(fmt.Sprintf("%s, remembered, 2.5 KB: times faster than %s", mine, peer), large.row(peer).ratio/large.row(mine).ratio, 25, 35, "")
	}
	l.below("p99 of a remembered token in a flood", float64(r.tails[len(r.tails)-1].p99.Nanoseconds())/1e3, 5, 3, " µs")
	onEcho := small.row("warder on Echo")
	l.below("Echo above net/http, remembered", (onEcho.ns-small.row(plain).ns)/1e3, 1, 0.5, " µs")
	l.below("Echo above net/http: allocations", math.Round(onEcho.allocs-small.row(plain).allocs), 4, 4, "")
	l.above("end to end, 700 B: share of no auth", share(r.small, plain, noAuth), 0.88, 0.93, "")
	l.above("end to end, 2.5 KB: share of the limit", share(r.large, plain, atLimit), 0.94, 0.98, "")
	refused := r.refusals[0]
	l.below("refusal: missing", refused.row("missing").ns/1e3, 0.5, 0.25, " µs")
	l.below("refusal: garbage", refused.row("garbage").ns/1e3, 1.5, 0.8, " µs")
	l.below("refusal: expired, × good new token", refused.row("expired").ratio, 0.25, 0.12, "")
	l.below("refusal: wrong audience, × good new token", refused.row("wrong audience").ratio, 0.25, 0.12, "")
	l.below("refusal: unknown kid, no fetch due", refused.row("unknown kid").ns/1e3, 3, 1.5, " µs")
	l.above(fmt.Sprintf("valid beside %.0f refusals/s: share of alone", r.junk), r.besideJunk, 0.8, 0.9, "")
	l.below("operation rules on a 1 KB body, above none", (r.called.rows[1].ns-r.called.rows[0].ns)/1e3, 2, 1, " µs")
	l.below("introspection: calls for 100 tokens", float64(r.introspected[1].calls), 100, 100, "")
	l.above("introspection: × naive", r.introspected[1].perSecond/r.introspected[0].perSecond, 10, 20, "")
	for _, grows := range []string{"issuers", "keys in the issuer's set", "operation rules", "rules for resources"} {
		points := r.curve(grows).points
		l.below("growth in "+grows, points[len(points)-1].ratio, 1.1, 1.03, "")
	}
	l.below("memory for a remembered token, without its claims", r.perToken-r.claimBytes, 500, 400, " B")
	l.below("first token after a cold start, above the round trip", float64(r.coldStart.Microseconds())/1e3, 5, 2, " ms")
	return l
}

func (r results) curve(grows string) curve {
	for _, c := range r.curves {
		if c.grows == grows {
			return c
		}
	}
	panic("no curve by " + grows)
}

func share(rows []loaded, name, of string) float64 {
	var mine, other float64
	for _, l := range rows {
		switch l.name {
		case name:
			mine = l.share
		case of:
			other = l.share
		}
	}
	return mine / other
}
