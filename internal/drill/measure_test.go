package drill_test

import (
	"bufio"
	"context"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// sampleInterval is the time between two reads of the metrics of all processes.
const sampleInterval = 500 * time.Millisecond

// Names of metrics.
const (
	goroutinesMetric = "go_goroutines"
	memoryMetric     = "process_resident_memory_bytes"
)

// samples has the largest values of metrics of all processes. It is safe for concurrent use.
type samples struct {
	mu      sync.Mutex
	phase   string
	largest map[string]map[string]float64 // by phase and metric
	reasons map[string]bool               // of decisions, as the processes count them
	missing map[string]bool               // metrics that a process does not have
}

func newSamples(phase string) *samples {
	return &samples{phase: phase, largest: map[string]map[string]float64{}, reasons: map[string]bool{}, missing: map[string]bool{}}
}

// enter begins a phase.
func (s *samples) enter(phase string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phase = phase
}

// max returns the largest value of a metric in a phase.
func (s *samples) max(phase, metric string) float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.largest[phase][metric]
}

// decisions returns the reasons of all decisions.
func (s *samples) decisions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.reasons))
}

// lacks returns the metrics that were missing.
func (s *samples) lacks() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.missing))
}

// run samples all processes until ctx ends.
func (s *samples) run(ctx context.Context, f *fleet) {
	for {
		for _, p := range f.processes {
			s.sample(ctx, p)
		}
		if !pause(ctx, sampleInterval) {
			return
		}
	}
}

// sample reads the metrics of one process, unless it does not run.
func (s *samples) sample(ctx context.Context, p *process) {
	status, body, err := p.get(ctx, "/metrics")
	if err != nil || status != 200 {
		return
	}
	values, reasons := readMetrics(body)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.largest[s.phase] == nil {
		s.largest[s.phase] = map[string]float64{}
	}
	for _, metric := range []string{goroutinesMetric, memoryMetric} {
		value, ok := values[metric]
		if !ok {
			s.missing[metric] = true
		}
		s.largest[s.phase][metric] = max(s.largest[s.phase][metric], value)
	}
	for reason, count := range reasons {
		if count > 0 {
			s.reasons[reason] = true
		}
	}
}

var decisionLine = regexp.MustCompile(`^warder_decisions_total\{reason="(\w*)",.*\} (\S+)$`)

// readMetrics returns the metrics without labels, and the numbers of decisions by reason.
func readMetrics(text string) (values, reasons map[string]float64) {
	values, reasons = map[string]float64{}, map[string]float64{}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		if m := decisionLine.FindStringSubmatch(lines.Text()); m != nil {
			count, _ := strconv.ParseFloat(m[2], 64)
			reasons[m[1]] += count
			continue
		}
		if name, text, ok := strings.Cut(lines.Text(), " "); ok && !strings.ContainsAny(name, "#{") {
			if value, err := strconv.ParseFloat(text, 64); err == nil {
				values[name] = value
			}
		}
	}
	return values, reasons
}

// lateness measures for how long the machine does not run the driver, until ctx ends.
func lateness(ctx context.Context) (longest time.Duration) {
	const interval = 5 * time.Millisecond
	for {
		began := time.Now()
		if !pause(ctx, interval) {
			return longest
		}
		longest = max(longest, time.Since(began)-interval)
	}
}

// quantile returns a quantile of durations, or 0 if there are none.
func quantile(all []time.Duration, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[min(int(q*float64(len(all))), len(all)-1)]
}
