package valkey_test

import (
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/valkey"
	"github.com/warder-go/warder/resource/valkey/valkeytest"
)

// BenchmarkCalls makes calls of 64 goroutines with one store. It reports the processor time of
// the server, which has one thread for calls.
func BenchmarkCalls(b *testing.B) {
	server := valkeytest.Start(b, valkeytest.Options{})
	s := open(b, valkey.Config{Addresses: []string{server.Address()}, Timeout: 5 * time.Second, MaxProofsPerKey: 100_000_000})
	var number atomic.Int64
	until := time.Now().Add(time.Hour)
	for _, row := range []struct {
		name string
		call func() error
	}{
		{"first use of a proof", func() error {
			n := int(number.Add(1))
			return s.Replays().Once(b.Context(), proof(n%1000, n), until)
		}},
		{"replay", func() error {
			err := s.Replays().Once(b.Context(), proof(1, -1), until)
			if errors.Is(err, resource.ErrReplayed) {
				err = nil
			}
			return err
		}},
		{"read without new revocations", func() error {
			_, err := s.Revocations().Read(b.Context(), 0)
			return err
		}},
		{"get an answer", func() error {
			_, _, err := s.Answers().Get(b.Context(), introspect.AnswerKey{})
			return err
		}},
	} {
		b.Run(row.name, func(b *testing.B) {
			_ = s.Replays().Once(b.Context(), proof(1, -1), until)
			b.SetParallelism(32) // for each processor
			before := processorTime(server)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := row.call(); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
			b.ReportMetric((processorTime(server)-before)*1e6/float64(b.N), "server-µs/op")
		})
	}
}

// processorTime returns the seconds of processor time that a server has used.
func processorTime(server *valkeytest.Server) (seconds float64) {
	for line := range strings.Lines(server.Do("INFO", "cpu")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "used_cpu_sys" || name == "used_cpu_user" {
			n, _ := strconv.ParseFloat(value, 64)
			seconds += n
		}
	}
	return seconds
}
