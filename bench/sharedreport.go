package main

import (
	"fmt"
	"strings"
	"time"
)

// sharedHeading is the heading of the section about shared state.
const sharedHeading = "\n## Shared state\n"

// sharedSection returns the section about shared state of the report.
func sharedSection(r sharedResults) section {
	var b strings.Builder
	b.WriteString(r.intro(sharedHeading, "one to two, with the server of the store"))
	if r.store != nil {
		fmt.Fprintf(&b, "\nThe store is %s on the same machine, without TLS.\n", r.store.program)
	} else {
		b.WriteString("\nNeither redis-server nor valkey-server is installed, so the rows with a store are missing.\n")
	}
	b.WriteString("\n")
	writeTargets(&b, sharedTargets(r))
	for _, t := range append([]table{r.requests}, append(r.additions, r.checks)...) {
		writeTableAt(&b, "###", t)
	}
	b.WriteString("\n### Memory of a list\n\n| entries | bytes for each |\n|---:|---:|\n")
	for _, e := range r.entryBytes {
		fmt.Fprintf(&b, "| %d | %.1f |\n", e.entries, e.each)
	}
	writeEvents(&b, r.events)
	if r.store != nil {
		writeStore(&b, r.store)
	}
	return section{sharedHeading, b.String()}
}

func writeStore(b *strings.Builder, r *sharedStoreRun) {
	b.WriteString("\n### DPoP proofs in the store: Replays.Once\n\n| callers | proofs/s | p50, µs | p99, µs | CPU of the server, µs | of this the script, µs |\n|---:|---:|---:|---:|---:|---:|\n")
	for _, l := range r.proofs {
		fmt.Fprintf(b, "| %d | %.0f | %d | %d | %.1f | %.1f |\n", l.callers, l.perSecond, l.p50.Microseconds(), l.p99.Microseconds(), microseconds(l.serverCPU), microseconds(l.script))
	}
	b.WriteString("\nThe callers are goroutines of one process, which has one connection.\n")
	writeTimes(b, "DPoP, cached tokens, ES256, single requests", r.requests)
	b.WriteString("\n### Memory of the store\n\n| | bytes |\n|---|---:|\n")
	for _, s := range r.bytes {
		fmt.Fprintf(b, "| %s | %.0f |\n", s.name, s.each)
	}
	writeTimes(b, "An addition in another process", []latency{r.spread})
	fmt.Fprintf(b, "\n### The first read of %d revocations\n\n| | ms |\n|---|---:|\n| time | %d |\n| CPU of the server | %d |\n| CPU of the process | %d |\n",
		r.read.entries, r.read.took.Milliseconds(), r.read.serverCPU.Milliseconds(), r.read.ownCPU.Milliseconds())
	fmt.Fprintf(b, "\n### Introspection: %d processes, 100 tokens\n\nThe endpoint takes 20 ms. A process calls it itself if the store does not answer in 250 ms.\n\n| | calls | failed calls of the store | ms |\n|---|---:|---:|---:|\n", answeringProcesses)
	for _, c := range r.calls {
		fmt.Fprintf(b, "| %s | %d | %d | %d |\n", c.name, c.calls, c.failed, c.took.Milliseconds())
	}
	writeTimes(b, "Introspection, single requests", r.answers)
	writeEvents(b, r.events)
}

func writeTimes(b *strings.Builder, title string, rows []latency) {
	fmt.Fprintf(b, "\n### %s\n\n| | p50, µs | p99, µs |\n|---|---:|---:|\n", title)
	for _, l := range rows {
		fmt.Fprintf(b, "| %s | %.1f | %.1f |\n", l.title, microseconds(l.p50), microseconds(l.p99))
	}
}

func writeEvents(b *strings.Builder, t table) {
	fmt.Fprintf(b, "\n### %s\n\n| | events/s | ns | allocations | bytes |\n|---|---:|---:|---:|---:|\n", t.title)
	for _, m := range t.rows {
		fmt.Fprintf(b, "| %s | %.0f | %.0f | %.0f | %.0f |\n", m.name, 1e9/m.ns, m.ns, m.allocs, m.bytes)
	}
}

func microseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
