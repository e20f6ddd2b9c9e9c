package main

import (
	"cmp"
	"runtime"
	"slices"
	"time"
)

// A subject is one thing that is measured, by one goroutine or by several at once. Each
// gets a function from worker that does the i-th operation. fresh, if there is one, is
// called before each round, so that nothing is remembered from the last.
type subject struct {
	name       string
	goroutines int // 0: one
	fresh      func()
	worker     func() func(i int)
}

// figures are what a subject took, per operation.
type figures struct {
	name   string
	ns     float64 // median of the rounds
	ratio  float64 // median of the rounds' ratios to the first subject in the same round
	allocs float64
	bytes  float64
}

// compare runs each subject once a round, in turns that shift from round to round, so
// that whatever else the machine does falls on all of them alike. The first subject is
// what the others are compared with.
func compare(ops, rounds int, subjects ...subject) []figures {
	times := make([][]float64, len(subjects))
	out := make([]figures, len(subjects))
	for round := range rounds + 1 { // the first one warms up
		took := make([]float64, len(subjects))
		for turn := range subjects {
			at := (round + turn) % len(subjects)
			var allocs, bytes float64
			took[at], allocs, bytes = measure(subjects[at], ops)
			out[at].allocs, out[at].bytes = allocs, bytes
		}
		if round > 0 {
			for at := range subjects {
				times[at] = append(times[at], took[at])
			}
		}
	}
	for at := range subjects {
		out[at].name, out[at].ns = subjects[at].name, median(times[at])
		ratios := make([]float64, rounds)
		for round := range rounds {
			ratios[round] = times[at][round] / times[0][round]
		}
		out[at].ratio = median(ratios)
	}
	return out
}

// measure returns nanoseconds, allocations and bytes per operation. For several goroutines
// the time is that of the clock on the wall, divided by the operations of all.
func measure(s subject, ops int) (ns, allocs, bytes float64) {
	if s.fresh != nil {
		s.fresh()
	}
	goroutines := max(1, s.goroutines)
	workers := make([]func(int), goroutines)
	for g := range workers {
		workers[g] = s.worker()
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begun := time.Now()
	if goroutines == 1 {
		for i := range ops {
			workers[0](i)
		}
	} else {
		atOnce(goroutines, func(g int) {
			for i := g; i < ops; i += goroutines {
				workers[g](i)
			}
		})
	}
	took := time.Since(begun)
	runtime.ReadMemStats(&after)
	n := float64(ops)
	return float64(took.Nanoseconds()) / n, float64(after.Mallocs-before.Mallocs) / n, float64(after.TotalAlloc-before.TotalAlloc) / n
}

func median[T cmp.Ordered](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
