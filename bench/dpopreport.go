package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// dpopHeading is the heading of the section about DPoP. Headings inside it have a lower level.
const dpopHeading = "\n## DPoP\n"

// dpopSection returns the section about DPoP of the report.
func dpopSection(r dpopResults) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nMeasured on %s with %s, %d cores (%s), by `go run . -only dpop` in `bench`.\nThe load average of the machine over one minute was %s before and %s after. The program\nitself is a load of one.\n",
		dpopHeading, r.date, runtime.Version(), runtime.GOMAXPROCS(0), processor(), r.loadBefore, r.loadAfter)
	if r.quick {
		b.WriteString("\n**These results are from a quick run. The figures are not meaningful.**\n")
	}
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
	return b.String()
}

// replaceDPoPSection replaces the section about DPoP in the README.md in folder, and leaves the
// rest. A README.md without one gets it at the end.
func replaceDPoPSection(folder string, r dpopResults) {
	file := filepath.Join(folder, "README.md")
	text := string(must(os.ReadFile(file)))
	before, after, _ := strings.Cut(text, dpopHeading)
	if next := strings.Index(after, "\n## "); next >= 0 {
		after = after[next:]
	} else {
		after = ""
	}
	if err := os.WriteFile(file, []byte(before+dpopSection(r)+after), 0o644); err != nil {
		panic(err)
	}
}

// loadAverage returns the load average over one minute, or "unknown" if /proc has none.
func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	if fields := strings.Fields(string(text)); len(fields) > 0 {
		return fields[0]
	}
	return "unknown"
}
