package main

import "strings"

// dpopHeading is the heading of the section about DPoP.
const dpopHeading = "\n## DPoP\n"

// dpopSection returns the section about DPoP of the report.
func dpopSection(r dpopResults) section {
	var b strings.Builder
	b.WriteString(r.intro(dpopHeading, "one"))
	b.WriteString("\nEach request has a new proof, except replayed ones. The memory for used proofs is measured in\n`internal/replaycache`: `go test -run TestDrill -v ./internal/replaycache -drill`.\n\n")
	writeTargets(&b, dpopTargets(r))
	var tables []table
	for _, alg := range dpopAlgorithms {
		tables = append(tables, r.cached[alg], r.fresh[alg])
	}
	tables = append(tables, r.concurrent...)
	for _, alg := range dpopAlgorithms {
		tables = append(tables, r.rejection[alg])
	}
	tables = append(tables, r.peers...)
	for _, t := range append(tables, r.bearerCached, r.bearerNew) {
		writeTableAt(&b, "###", t)
	}
	return section{dpopHeading, b.String()}
}
