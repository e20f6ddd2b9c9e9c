// Command bench measures warder, its peers and baselines that do only the minimum work.
// README.md describes what is compared and how.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"time"
)

func main() {
	quick := flag.Bool("quick", false, "run everything, but too briefly for meaningful figures")
	out := flag.String("out", "results", "write the results to this `folder`")
	only := flag.String("only", "", "measure only this `part`, and replace its section in the results: dpop, shared or gate")
	soakTime := flag.Duration("soak", 0, "run only the soak test, for this `duration`")
	serve := flag.Bool("serve", false, "internal: run the server process of the load test")
	flag.Parse()
	slog.SetDefault(slog.New(slog.NewJSONHandler(discard{}, nil))) // some peers log
	ctx := context.Background()
	switch {
	case *serve:
		runServerProcess()
	case *soakTime > 0:
		runSoak(ctx, *soakTime, *out)
	case *only == "dpop":
		replaceSection(*out, dpopSection(measureDPoP(ctx, newPlan(*quick))))
	case *only == "shared":
		replaceSection(*out, sharedSection(measureShared(ctx, newPlan(*quick))))
	case *only == "gate":
		replaceSection(*out, gateSection(measureGate(newPlan(*quick))))
	case *only != "":
		fmt.Fprintf(os.Stderr, "bench: -only %q is not dpop, shared or gate\n", *only)
		os.Exit(2)
	default:
		writeReport(*out, measureAll(ctx, newPlan(*quick)))
	}
}

// A plan sets how long things are measured.
type plan struct {
	tokens, rounds  int           // operations per round, and rounds
	cacheSizes      []int         // numbers of cached tokens
	load            time.Duration // per server and round
	loadRounds      int
	latencyRequests int
	opaqueRequests  int
	scenarios       bool // whether to run the key server scenarios
}

// quick reports whether the figures are not meaningful.
func (p plan) quick() bool { return !p.scenarios }

func newPlan(quick bool) plan {
	if quick {
		return plan{20, 1, []int{100, 1000}, 50 * time.Millisecond, 1, 1000, 500, false}
	}
	return plan{400, 25, []int{100, 1000, 10_000, 100_000, 1_000_000}, time.Second, 9, 6_000_000, 10_000, true}
}

// results is the measurements of one run.
type results struct {
	quick                              bool
	newTokens, repeatedTokens          map[string]table // keys such as "RS256 700"
	concurrent                         []table
	rejections, rejectionsConcurrent   []table
	loadSmall, loadLarge               []loadResult
	scenarios                          []scenarioOutcomes
	introspection                      []introspectionResult
	latencies                          []latency
	toolCalls                          table
	dpop                               dpopResults
	shared                             sharedResults
	gate                               gateResults
	curves                             []curve
	bytesPerToken, claimBytes          float64
	coldStart                          time.Duration
	invalidLoadShare, invalidPerSecond float64
}

var tokenSizes = []int{700, 2500} // bytes

func measureAll(ctx context.Context, p plan) (r results) {
	r.quick = p.quick()
	r.newTokens, r.repeatedTokens = map[string]table{}, map[string]table{}
	for _, size := range tokenSizes {
		step(fmt.Sprint("tokens of ", size, " bytes"))
		for _, alg := range algorithms {
			r.newTokens[fmt.Sprint(alg, " ", size)] = newTokens(ctx, p, alg, size, 1)
		}
		r.repeatedTokens[fmt.Sprint("RS256 ", size)] = repeatedTokens(ctx, p, size, 1)
	}
	step("tokens, on all cores")
	cores := runtime.GOMAXPROCS(0)
	for _, size := range tokenSizes {
		for _, alg := range algorithms {
			r.concurrent = append(r.concurrent, newTokens(ctx, p, alg, size, cores))
		}
		r.concurrent = append(r.concurrent, repeatedTokens(ctx, p, size, cores))
	}
	step("rejections")
	r.rejections, r.rejectionsConcurrent = rejections(ctx, p, 1), rejections(ctx, p, cores)
	step("servers under load")
	r.loadSmall = underLoad(700, p.loadRounds, p.load, loadNames()...)
	r.loadLarge = underLoad(2500, p.loadRounds, p.load, loadNames()...)
	step("introspection")
	r.introspection = introspection(p.opaqueRequests)
	step("single requests")
	r.latencies = latencies(ctx, p.latencyRequests)
	r.invalidLoadShare, r.invalidPerSecond = throughputUnderInvalidLoad(ctx, 50_000, p.load, p.loadRounds)
	r.bytesPerToken, r.claimBytes = memoryPerToken(50 * p.tokens)
	r.coldStart = coldStart(p.rounds)
	step("DPoP")
	r.dpop = measureDPoP(ctx, p)
	step("shared state")
	r.shared = measureShared(ctx, p)
	step("gate")
	r.gate = measureGate(p)
	step("growth")
	r.toolCalls = toolCallTable(p)
	r.curves = append(growthCurves(p), goroutineCurve(p))
	if p.scenarios {
		step("key servers")
		r.scenarios = runScenarios(ctx)
	}
	step("done")
	return r
}

// step reports on the standard error output what is measured next.
func step(name string) { fmt.Fprintf(os.Stderr, "%s %s\n", time.Now().Format(time.TimeOnly), name) }

// loadNames returns the names of the servers under load. Shares are relative to the first.
func loadNames() (names []string) {
	names = append(names, noAuthName, cacheBaselineName)
	for _, c := range contenders() {
		names = append(names, c.name)
	}
	return names
}

func runSoak(ctx context.Context, during time.Duration, folder string) {
	file := must(os.Create(folder + "/soak.md"))
	defer func() { _ = file.Close() }()
	_, _ = fmt.Fprintf(file, "# Soak test of %s\n\nCached, new and invalid tokens are sent concurrently. The issuer rotates its key every 30 seconds.\n\n", during)
	soak(ctx, during, min(30*time.Second, during/4), max(during/40, 100*time.Millisecond), file)
}
