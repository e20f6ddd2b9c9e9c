// Command bench measures warder beside its peers, and beside what nobody can do without.
// See README.md.
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
	quick := flag.Bool("quick", false, "run everything, but too briefly for figures")
	out := flag.String("out", "results", "folder for the results")
	soaking := flag.Duration("soak", 0, "soak for that long, and do nothing else")
	serving := flag.Bool("serve", false, "used by this program itself: be the server under load")
	flag.Parse()
	slog.SetDefault(slog.New(slog.NewJSONHandler(discard{}, nil))) // some peers log
	ctx := context.Background()
	switch {
	case *serving:
		serveChild()
	case *soaking > 0:
		runSoak(ctx, *soaking, *out)
	default:
		write(*out, measureAll(ctx, plan(*quick)))
	}
}

// An effort says how long things are measured.
type effort struct {
	tokens, rounds int           // operations in a round, and rounds
	remembered     []int         // how many tokens, for the growth of memory
	load           time.Duration // of each server in a round
	loadRounds     int
	single         int // requests whose time is taken one by one
	opaque         int // requests with opaque tokens
	situations     bool
}

func plan(quick bool) effort {
	if quick {
		return effort{20, 1, []int{100, 1000}, 50 * time.Millisecond, 1, 1000, 500, false}
	}
	return effort{400, 25, []int{100, 1000, 10_000, 100_000, 1_000_000}, time.Second, 9, 6_000_000, 10_000, true}
}

// results are everything that one run showed.
type results struct {
	quick                bool
	fresh, repeated      map[string]table // by what: "RS256 700"
	parallel             []table
	refusals, refusedAll []table // one at a time, and on all cores
	small, large         []loaded
	situations           []situation
	introspected         []introspected
	tails                []tail
	called               table
	curves               []curve
	perToken, claimBytes float64 // of memory
	coldStart            time.Duration
	besideJunk, junk     float64 // share of the throughput; refusals a second
}

func measureAll(ctx context.Context, e effort) (r results) {
	step := func(name string) { fmt.Fprintf(os.Stderr, "%s %s\n", time.Now().Format(time.TimeOnly), name) }
	r.quick = !e.situations
	r.fresh, r.repeated = map[string]table{}, map[string]table{}
	for _, size := range sizes {
		step(fmt.Sprint("tokens of ", size, " bytes"))
		for _, alg := range algorithms {
			r.fresh[fmt.Sprint(alg, " ", size)] = newTokens(ctx, e, alg, size, 1)
		}
		r.repeated[fmt.Sprint("RS256 ", size)] = repeatingTokens(ctx, e, size, 1)
	}
	step("tokens, on all cores")
	cores := runtime.GOMAXPROCS(0)
	for _, size := range sizes {
		for _, alg := range algorithms {
			r.parallel = append(r.parallel, newTokens(ctx, e, alg, size, cores))
		}
		r.parallel = append(r.parallel, repeatingTokens(ctx, e, size, cores))
	}
	step("refusals")
	r.refusals, r.refusedAll = refusals(ctx, e, 1), refusals(ctx, e, cores)
	step("servers under load")
	r.small = underLoad(700, e.loadRounds, e.load, underLoadNames()...)
	r.large = underLoad(2500, e.loadRounds, e.load, underLoadNames()...)
	step("introspection")
	r.introspected = introspection(e.opaque)
	step("single requests")
	r.tails = tails(ctx, e.single)
	r.besideJunk, r.junk = besideJunk(ctx, 50_000, e.load, e.loadRounds)
	r.perToken, r.claimBytes = memoryPerToken(50 * e.tokens)
	r.coldStart = coldStart(ctx, e.rounds)
	step("growth")
	r.called = ruledCalls(e)
	r.curves = append(growths(e), goroutines(e))
	if e.situations {
		step("key servers")
		r.situations = keyServerSituations(ctx)
	}
	step("done")
	return r
}

var sizes = []int{700, 2500}

// underLoadNames are the servers: the first is what the others are compared with.
func underLoadNames() (names []string) {
	names = append(names, noAuth, atLimit)
	for _, c := range contenders() {
		names = append(names, c.name)
	}
	return names
}

func runSoak(ctx context.Context, during time.Duration, folder string) {
	file := must(os.Create(folder + "/soak.md"))
	defer func() { _ = file.Close() }()
	_, _ = fmt.Fprintf(file, "# Soak of %s\n\nRemembered, new and junk tokens at once; the issuer rotates its key every half minute.\n\n", during)
	soak(ctx, during, min(30*time.Second, during/4), max(during/40, 100*time.Millisecond), file)
}
