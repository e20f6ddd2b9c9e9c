package valkey_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/warder-go/warder/resource/valkey"
)

// gather returns the series of a store, with their labels in order: name{a="b"}.
func gather(t *testing.T, s *valkey.Store) map[string]*dto.Metric {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(s)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]*dto.Metric{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			found[family.GetName()+"{"+strings.Join(labels, ",")+"}"] = m
		}
	}
	return found
}

// metric returns the value of a counter or gauge.
func metric(t *testing.T, s *valkey.Store, name, labels string) float64 {
	t.Helper()
	m := gather(t, s)[name+"{"+labels+"}"]
	if m == nil {
		t.Fatalf("no series %s{%s}", name, labels)
	}
	return m.GetCounter().GetValue() + m.GetGauge().GetValue()
}

// All series exist from the start.
func TestSeries(t *testing.T) {
	operations := []string{"add", "check", "get", "once", "purge", "put", "put_new", "read"}
	outcomes := []string{"canceled", "circuit_open", "disconnected", "error", "evicting", "ok", "overloaded", "timeout"}
	want := []string{"warder_store_calls_in_flight{}", "warder_store_circuit_open{}", "warder_store_data_since_timestamp_seconds{}"}
	for _, o := range operations {
		want = append(want, fmt.Sprintf("warder_store_call_duration_seconds{operation=%q}", o))
		for _, out := range outcomes {
			want = append(want, fmt.Sprintf("warder_store_calls_total{operation=%q,outcome=%q}", o, out))
		}
	}
	var got []string
	for name := range gather(t, open(t, valkey.Config{Addresses: []string{"127.0.0.1:1"}})) {
		got = append(got, name)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
