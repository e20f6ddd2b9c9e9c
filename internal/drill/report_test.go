package drill_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// writeTable writes the results as a table in Markdown.
func writeTable(w io.Writer, rows []row) {
	columns := []string{
		"scenario", "requests", "wrong accepts", "rejections inside the windows", "outside", "late calls outside", "fail-open",
		"longest window: token / DPoP", "recovered after: token / DPoP", "goroutines: before, largest", "MB: before, largest",
		"remembered JWT, p99: before, during", "streams ended after", "introspection calls per new token",
	}
	fmt.Fprintf(w, "| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
	for _, r := range rows {
		v := r.verdict
		fmt.Fprintf(w, "| %s | %d | %d | %d | %d | %d | %d | %s / %s | %s / %s | %.0f, %.0f | %.0f, %.0f | %s, %s | %s | %d / %d |\n",
			r.name, v.requests, v.wrongAccepts.count, v.inside, v.outside.count, v.late.count, v.failOpen.count,
			seconds(v.token.longest), seconds(v.proved.longest), seconds(v.token.after), seconds(v.proved.after),
			r.goroutines[0], r.goroutines[1], r.memory[0]/(1<<20), r.memory[1]/(1<<20),
			milliseconds(r.delay[0]), milliseconds(r.delay[1]), seconds(r.streams), r.calls, r.tokens)
	}
	all := propagation(rows)
	fmt.Fprintf(w, "\nFrom List.Add to the first rejection at each process, while the store is well: p50 %s, p99 %s, longest %s (%d measured).\n",
		milliseconds(quantile(all, 0.5)), milliseconds(quantile(all, 0.99)), milliseconds(quantile(all, 1)), len(all))
	var late time.Duration
	for _, r := range rows {
		late = max(late, r.late)
	}
	fmt.Fprintf(w, "\nThe longest time for which the machine did not run the driver: %s. Without it, no process can answer in time either.\n", milliseconds(late))
}

// propagation returns the times of all scenarios.
func propagation(rows []row) (all []time.Duration) {
	for _, r := range rows {
		all = append(all, r.propagation...)
	}
	return all
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}

// broken returns what is wrong, as texts.
func (r row) broken() (all []string) {
	for what, f := range map[string]findings{
		"wrong accepts": r.verdict.wrongAccepts, "fail-open answers": r.verdict.failOpen,
		"rejections outside the windows": r.verdict.outside, "other problems": r.problems,
	} {
		if f.count > 0 {
			all = append(all, fmt.Sprintf("%s: %d %s:\n%s", r.name, f.count, what, strings.Join(f.texts, "\n")))
		}
	}
	slices.Sort(all)
	return all
}
