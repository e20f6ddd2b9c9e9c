package main

import (
	"cmp"
	"runtime"
	"slices"
	"sync"
	"time"
)

// A benchmark is an operation to measure, run by one or more goroutines. Each goroutine
// calls worker once; the function returned runs the i-th operation. reset, if not nil, is
// called before each round, for example to empty caches.
type benchmark struct {
	name       string
	goroutines int // 0 means 1
	reset      func()
	worker     func() func(i int)
}

// A measurement is the cost of a benchmark per operation.
type measurement struct {
	name   string
	ns     float64 // median over the rounds
	ratio  float64 // median over the rounds of the ratio to the first benchmark in the same round
	allocs float64
	bytes  float64
}

// compare runs each benchmark once per round, after a warm-up round. The order rotates
// from round to round, so that other load on the machine affects all benchmarks equally.
// Ratios are relative to the first benchmark.
func compare(ops, rounds int, benchmarks ...benchmark) []measurement {
	times := make([][]float64, len(benchmarks))
	out := make([]measurement, len(benchmarks))
	for round := range rounds + 1 { // round 0 is the warm-up
		took := make([]float64, len(benchmarks))
		for turn := range benchmarks {
			i := (round + turn) % len(benchmarks)
			took[i], out[i].allocs, out[i].bytes = measure(benchmarks[i], ops)
		}
		if round > 0 {
			for i := range benchmarks {
				times[i] = append(times[i], took[i])
			}
		}
	}
	for i := range benchmarks {
		out[i].name, out[i].ns = benchmarks[i].name, median(times[i])
		ratios := make([]float64, rounds)
		for round := range rounds {
			ratios[round] = times[i][round] / times[0][round]
		}
		out[i].ratio = median(ratios)
	}
	return out
}

// measure returns nanoseconds, allocations and bytes per operation. With several goroutines
// the time is the elapsed time divided by the operations of all goroutines.
func measure(b benchmark, ops int) (ns, allocs, bytes float64) {
	if b.reset != nil {
		b.reset()
	}
	goroutines := max(1, b.goroutines)
	workers := make([]func(int), goroutines)
	for g := range workers {
		workers[g] = b.worker()
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	if goroutines == 1 {
		for i := range ops {
			workers[0](i)
		}
	} else {
		parallel(goroutines, func(g int) {
			for i := g; i < ops; i += goroutines {
				workers[g](i)
			}
		})
	}
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	n := float64(ops)
	return float64(took.Nanoseconds()) / n, float64(after.Mallocs-before.Mallocs) / n, float64(after.TotalAlloc-before.TotalAlloc) / n
}

// parallel calls do(0) to do(n-1) concurrently and waits for all of them.
func parallel(n int, do func(i int)) {
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { do(i) })
	}
	group.Wait()
}

// median returns the upper median of values.
func median[T cmp.Ordered](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
