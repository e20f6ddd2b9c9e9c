package main

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// gateHeading is the heading of the section about the gate.
const gateHeading = "\n## Gate\n"

// gateSection returns the section about the gate of the report.
func gateSection(r gateResults) section {
	var b strings.Builder
	b.WriteString(r.intro(gateHeading, "two: the proxy has one core, and the upstream and the load generator share the other"))
	fmt.Fprintf(&b, "\n%s\n\n", r.peerNote())
	writeTargets(&b, gateTargets(r))
	b.WriteString("\n### Gate: single requests over one connection\n\n| | p50, µs | p99, µs | added to p50, µs |\n|---|---:|---:|---:|\n")
	for _, s := range r.single {
		fmt.Fprintf(&b, "| %s | %.1f | %.1f | %.1f |\n", s.name, microseconds(s.p50), microseconds(s.p99), microseconds(s.added))
	}
	for _, t := range r.throughput {
		fmt.Fprintf(&b, "\n### Gate: throughput with %d connections\n\n| | requests/s | share | CPU, µs | p50, µs | p99, µs |\n|---|---:|---:|---:|---:|---:|\n", t.connections)
		for _, l := range t.rows {
			fmt.Fprintf(&b, "| %s | %.0f | %.2f | %.1f | %d | %d |\n", l.name, l.perSecond, l.share, microseconds(l.cpu), l.p50.Microseconds(), l.p99.Microseconds())
		}
	}
	b.WriteString("\nThe CPU time is that of the server in the row, without the upstream.\n")
	writeTableAt(&b, "###", r.handlers)
	fmt.Fprintf(&b, "\n### Gate: %d open streams\n\n| | KiB for each | MiB without streams | MiB with all | MiB at most in %s |\n|---|---:|---:|---:|---:|\n", r.streams[0].streams, r.streamTime.Round(time.Millisecond))
	for _, s := range r.streams {
		fmt.Fprintf(&b, "| %s | %.1f | %.1f | %.1f | %.1f |\n", s.name, s.each()/(1<<10), mebibytes(s.before), mebibytes(s.after), mebibytes(s.peak))
	}
	b.WriteString("\nThe memory is `RssAnon` of the process, without the buffers of its sockets. Each stream is\ntwo connections.\n")
	return section{gateHeading, b.String()}
}

func mebibytes(bytes uint64) float64 { return float64(bytes) / (1 << 20) }

// gateTargets returns the targets of the gate. They are relative to httputil.ReverseProxy.
func gateTargets(r gateResults) (l targetList) {
	for _, s := range r.single {
		if isGate(s.name) {
			l.atMost(s.name+": added at p50", microseconds(s.added), 100, 50, " µs")
		}
	}
	for _, t := range r.throughput {
		for _, row := range t.rows {
			if isGate(row.name) {
				l.atLeast(fmt.Sprintf("%s, %d connections: share of %s", row.name, t.connections, plainKind), row.share, 0.85, 0.9, "")
			}
		}
	}
	plain := r.handlers.row(plainKind)
	for _, row := range r.handlers.rows {
		if isGate(row.name) {
			l.atMost(row.name+": allocations above "+plainKind, max(0, math.Round(row.allocs-plain.allocs)), 30, 20, "")
		}
	}
	for _, s := range r.streams {
		if isGate(s.name) {
			l.atMost(fmt.Sprintf("%s, %d streams: memory of one", s.name, s.streams), s.each()/(1<<10), 100, 64, " KiB")
			l.atMost(fmt.Sprintf("%s, %d streams: growth in %s, ×", s.name, s.streams, r.streamTime.Round(time.Millisecond)), s.growth(), 1.1, 1.02, "")
		}
	}
	return l
}
