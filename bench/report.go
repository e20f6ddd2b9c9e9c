package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// writeReport writes the tables as README.md and the plots to folder.
func writeReport(folder string, r results) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		panic(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Results\n\nMeasured on %s with %s, %d cores (%s), by `go run .` in `bench`.\n", time.Now().Format(time.DateOnly), runtime.Version(), runtime.GOMAXPROCS(0), processor())
	if r.quick {
		b.WriteString("\n**These results are from a quick run. The figures are not meaningful.**\n")
	}
	b.WriteString("\nTimes are medians over rounds in which all contenders take turns. A ratio is the median of\nthe ratios within each round. Times, allocations and bytes are per request.\n")
	b.WriteString("\n## Targets\n\n")
	writeTargets(&b, targets(r))
	for _, size := range tokenSizes {
		writeTable(&b, r.repeatedTokens[fmt.Sprint("RS256 ", size)])
		for _, alg := range algorithms {
			writeTable(&b, r.newTokens[fmt.Sprint(alg, " ", size)])
		}
	}
	for _, t := range r.concurrent {
		writeTable(&b, t)
	}
	b.WriteString("\n![new tokens](new-tokens.svg)\n\n![repeated tokens](repeating-tokens.svg)\n")
	writeRejections(&b, "Rejections, ns", r.rejections)
	writeRejections(&b, fmt.Sprintf("Rejections, %d goroutines, ns", runtime.GOMAXPROCS(0)), r.rejectionsConcurrent)
	writeLoad(&b, "700", r.loadSmall)
	writeLoad(&b, "2,500", r.loadLarge)
	b.WriteString("\n![throughput](throughput.svg)\n")
	b.WriteString(dpopSection(r.dpop).text)
	b.WriteString(sharedSection(r.shared).text)
	b.WriteString(gateSection(r.gate).text)
	writeTable(&b, r.toolCalls)
	writeIntrospection(&b, r.introspection)
	writeLatencies(&b, r.latencies)
	writeScenarios(&b, r.scenarios)
	writeCurves(&b, r.curves)
	if err := os.WriteFile(filepath.Join(folder, "README.md"), []byte(b.String()), 0o644); err != nil {
		panic(err)
	}
	writePlots(folder, r)
}

// processor returns the processor's model name, or the architecture if /proc has none.
func processor() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func writeTargets(b *strings.Builder, l targetList) {
	b.WriteString("| target | required | goal | measured | result |\n|---|---|---|---|---|\n")
	for _, t := range l {
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", t.name, t.required, t.goal, t.measured, t.result)
	}
}

func writeTable(b *strings.Builder, t table) { writeTableAt(b, "##", t) }

// writeTableAt writes a table under a heading of this level.
func writeTableAt(b *strings.Builder, level string, t table) {
	fmt.Fprintf(b, "\n%s %s\n\n| | ns | ratio | allocations | bytes |\n|---|---:|---:|---:|---:|\n", level, t.title)
	for _, m := range t.rows {
		fmt.Fprintf(b, "| %s | %.0f | %.2f | %.0f | %.0f |\n", m.name, m.ns, m.ratio, m.allocs, m.bytes)
	}
}

func writeRejections(b *strings.Builder, title string, all []table) {
	fmt.Fprintf(b, "\n## %s\n\n|", title)
	for _, m := range all[0].rows {
		fmt.Fprintf(b, " | %s", m.name)
	}
	b.WriteString(" |\n|---" + strings.Repeat("|---:", len(all[0].rows)) + "|\n")
	for _, t := range all {
		fmt.Fprintf(b, "| %s", t.title)
		for _, m := range t.rows {
			fmt.Fprintf(b, " | %.0f", m.ns)
		}
		b.WriteString(" |\n")
	}
	b.WriteString("\nThe key server answers without delay. A peer that calls it for every unknown kid spends a\nloopback round trip.\n")
}

func writeLoad(b *strings.Builder, size string, rows []loadResult) {
	fmt.Fprintf(b, "\n## A server under load, 100 tokens of %s bytes\n\nEach server is a separate process on one core. The load generator uses %d connections.\n\n", size, connections)
	b.WriteString("| | requests/s | share | CPU, µs | p50, µs | p99, µs |\n|---|---:|---:|---:|---:|---:|\n")
	for _, l := range rows {
		fmt.Fprintf(b, "| %s | %.0f | %.2f | %.1f | %d | %d |\n", l.name, l.perSecond, l.share, float64(l.cpu.Nanoseconds())/1e3, l.p50.Microseconds(), l.p99.Microseconds())
	}
}

func writeIntrospection(b *strings.Builder, rows []introspectionResult) {
	b.WriteString("\n## Introspection\n\n| | calls | requests/s |\n|---|---:|---:|\n")
	for _, i := range rows {
		fmt.Fprintf(b, "| %s | %d | %.0f |\n", i.name, i.calls, i.perSecond)
	}
}

func writeLatencies(b *strings.Builder, rows []latency) {
	b.WriteString("\n## Single requests, cached tokens\n\n| | p50, ns | p99, ns | p99.9, ns |\n|---|---:|---:|---:|\n")
	for _, l := range rows {
		fmt.Fprintf(b, "| %s | %d | %d | %d |\n", l.title, l.p50.Nanoseconds(), l.p99.Nanoseconds(), l.p999.Nanoseconds())
	}
}

// writeScenarios writes nothing if the scenarios were not run.
func writeScenarios(b *strings.Builder, all []scenarioOutcomes) {
	if all == nil {
		return
	}
	b.WriteString("\n## Key server changes and failures\n\n| |")
	for _, c := range all {
		fmt.Fprintf(b, " %s |", c.contender)
	}
	b.WriteString("\n|---" + strings.Repeat("|---", len(all)) + "|\n")
	for i, s := range scenarios {
		fmt.Fprintf(b, "| %s |", s.name)
		for _, c := range all {
			fmt.Fprintf(b, " %s |", c.outcomes[i])
		}
		b.WriteString("\n")
	}
}

func writeCurves(b *strings.Builder, curves []curve) {
	b.WriteString("\n## Growth\n")
	for i, c := range curves {
		fmt.Fprintf(b, "\n**%s**\n\n| %s | ns | ratio | allocations |\n|---:|---:|---:|---:|\n", c.title, c.parameter)
		for _, p := range c.points {
			fmt.Fprintf(b, "| %.0f | %.0f | %.2f | %.0f |\n", p.x, p.ns, p.ratio, p.allocs)
		}
		fmt.Fprintf(b, "\n![%s, by %s](growth-%d.svg)\n", c.title, c.parameter, i)
	}
}
