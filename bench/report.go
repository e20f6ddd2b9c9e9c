package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// write puts the results into a folder: tables as text, and plots.
func write(folder string, r results) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		panic(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Results\n\nMeasured on %s with %s, %d cores (%s), by `go run .` in `bench`.\n", time.Now().Format(time.DateOnly), runtime.Version(), runtime.GOMAXPROCS(0), processor())
	if r.quick {
		b.WriteString("\n**These are of a quick run, and mean nothing.**\n")
	}
	b.WriteString("\nTimes are medians of rounds in which all contenders take turns; a ratio is the median of\nthe ratios within each round. ns, allocations and bytes are for one request.\n")
	b.WriteString("\n## Targets\n\n| what | must | aim | reached | |\n|---|---|---|---|---|\n")
	for _, t := range targets(r) {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", t.what, t.must, t.aim, t.reached, t.verdict)
	}
	for _, size := range sizes {
		writeTable(&b, r.repeated[fmt.Sprint("RS256 ", size)])
		for _, alg := range algorithms {
			writeTable(&b, r.fresh[fmt.Sprint(alg, " ", size)])
		}
	}
	for _, t := range r.parallel {
		writeTable(&b, t)
	}
	b.WriteString("\n![new tokens](new-tokens.svg)\n\n![repeating tokens](repeating-tokens.svg)\n")
	writeRefusals(&b, "Refusals, ns", r.refusals)
	writeRefusals(&b, fmt.Sprintf("Refusals, %d at once, ns", runtime.GOMAXPROCS(0)), r.refusedAll)
	writeLoad(&b, "700", r.small)
	writeLoad(&b, "2,500", r.large)
	b.WriteString("\n![throughput](throughput.svg)\n")
	writeTable(&b, r.called)
	writeOthers(&b, r)
	writeCurves(&b, r.curves)
	if err := os.WriteFile(filepath.Join(folder, "README.md"), []byte(b.String()), 0o644); err != nil {
		panic(err)
	}
	plots(folder, r)
}

func processor() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func writeTable(b *strings.Builder, t table) {
	fmt.Fprintf(b, "\n## %s\n\n| | ns | ratio | allocations | bytes |\n|---|---:|---:|---:|---:|\n", t.title)
	for _, f := range t.rows {
		fmt.Fprintf(b, "| %s | %.0f | %.2f | %.0f | %.0f |\n", f.name, f.ns, f.ratio, f.allocs, f.bytes)
	}
}

func writeRefusals(b *strings.Builder, title string, all []table) {
	fmt.Fprintf(b, "\n## %s\n\n|", title)
	for _, f := range all[0].rows {
		fmt.Fprintf(b, " | %s", f.name)
	}
	b.WriteString(" |\n|---" + strings.Repeat("|---:", len(all[0].rows)) + "|\n")
	for _, t := range all {
		fmt.Fprintf(b, "| %s", strings.TrimPrefix(t.title, "Refusals: "))
		for _, f := range t.rows {
			fmt.Fprintf(b, " | %.0f", f.ns)
		}
		b.WriteString(" |\n")
	}
	b.WriteString("\nThe key server of this table answers at once; a peer that asks it for every unknown kid\npays a round trip on loopback.\n")
}

func writeLoad(b *strings.Builder, size string, rows []loaded) {
	fmt.Fprintf(b, "\n## A server under load, a hundred tokens of %s bytes\n\nEach server is a process of its own on one core; %d connections.\n\n", size, connections)
	b.WriteString("| | requests/s | share | CPU, µs | p50, µs | p99, µs |\n|---|---:|---:|---:|---:|---:|\n")
	for _, l := range rows {
		fmt.Fprintf(b, "| %s | %.0f | %.2f | %.1f | %d | %d |\n", l.name, l.perSecond, l.share, float64(l.cpu.Nanoseconds())/1e3, l.p50.Microseconds(), l.p99.Microseconds())
	}
}

func writeOthers(b *strings.Builder, r results) {
	b.WriteString("\n## Introspection\n\n| | calls | requests/s |\n|---|---:|---:|\n")
	for _, i := range r.introspected {
		fmt.Fprintf(b, "| %s | %d | %.0f |\n", i.name, i.calls, i.perSecond)
	}
	b.WriteString("\n## Single requests, remembered\n\n| | p50, ns | p99, ns | p99.9, ns |\n|---|---:|---:|---:|\n")
	for _, t := range r.tails {
		fmt.Fprintf(b, "| %s | %d | %d | %d |\n", t.title, t.p50.Nanoseconds(), t.p99.Nanoseconds(), t.p999.Nanoseconds())
	}
	if r.situations == nil {
		return
	}
	b.WriteString("\n## When the key server changes or fails\n\n| |")
	for _, s := range r.situations {
		fmt.Fprintf(b, " %s |", s.contender)
	}
	b.WriteString("\n|---" + strings.Repeat("|---", len(r.situations)) + "|\n")
	for i, name := range situationNames {
		fmt.Fprintf(b, "| %s |", name)
		for _, s := range r.situations {
			fmt.Fprintf(b, " %s |", s.counts[i])
		}
		b.WriteString("\n")
	}
}

func writeCurves(b *strings.Builder, curves []curve) {
	b.WriteString("\n## Growth\n")
	for i, c := range curves {
		fmt.Fprintf(b, "\n**%s**\n\n| %s | ns | ratio | allocations |\n|---:|---:|---:|---:|\n", c.title, c.grows)
		for _, p := range c.points {
			fmt.Fprintf(b, "| %.0f | %.0f | %.2f | %.0f |\n", p.x, p.ns, p.ratio, p.allocs)
		}
		fmt.Fprintf(b, "\n![%s by %s](growth-%d.svg)\n", c.title, c.grows, i)
	}
}
