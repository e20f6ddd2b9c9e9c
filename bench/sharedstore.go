package main

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/warder-go/warder/resource/valkey"
	"github.com/warder-go/warder/resource/valkey/valkeytest"
)

// storeServer is a Redis or Valkey server that only this program uses.
type storeServer struct {
	*valkeytest.Server
	cleanup cleanup
}

// startStore starts redis-server or valkey-server. It returns nil if neither is installed.
func startStore() *storeServer {
	if len(valkeytest.Programs()) == 0 {
		return nil
	}
	s := new(storeServer)
	s.Server = valkeytest.Start(&s.cleanup, valkeytest.Options{})
	return s
}

func (s *storeServer) close() {
	for _, f := range s.cleanup {
		f()
	}
}

// cleanup implements valkeytest.TB. It has the functions that end the server.
type cleanup []func()

func (c *cleanup) Helper()                           {}
func (c *cleanup) Cleanup(f func())                  { *c = append(*c, f) }
func (c *cleanup) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (c *cleanup) Skipf(format string, args ...any)  { panic(fmt.Sprintf(format, args...)) }

// open returns a store with its own data. Its calls have a timeout that they do not reach on a busy machine
// either.
func (s *storeServer) open(prefix string) *valkey.Store {
	return must(valkey.Open(valkey.Config{
		Addresses: []string{s.Address()}, Prefix: prefix, Timeout: 5 * time.Second,
		MaxRevocations: 2_000_000, Logger: slog.New(slog.DiscardHandler),
	}))
}

// openAged returns a store whose data seems to be an hour old. A store accepts no proof that can be older
// than its data.
func (s *storeServer) openAged(prefix string) *valkey.Store {
	run := s.info("server")["run_id"]
	s.Do("SET", "{"+prefix+"}:data", run+"/"+strconv.FormatInt(time.Now().Add(-time.Hour).UnixMilli(), 10))
	return s.open(prefix)
}

// info returns the fields of a section of INFO.
func (s *storeServer) info(section string) map[string]string {
	fields := map[string]string{}
	for line := range strings.Lines(s.Do("INFO", section)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			fields[name] = value
		}
	}
	return fields
}

func (s *storeServer) version() string {
	fields := s.info("server")
	if version := fields["valkey_version"]; version != "" {
		return "Valkey " + version
	}
	return "Redis " + fields["redis_version"]
}

// usedMemory returns the memory of the server without the buffers of its clients.
func (s *storeServer) usedMemory() float64 {
	fields := s.info("memory")
	return number(fields["used_memory"]) - number(fields["mem_clients_normal"])
}

// cpu returns the CPU time of the server.
func (s *storeServer) cpu() time.Duration {
	fields := s.info("cpu")
	return time.Duration((number(fields["used_cpu_user"]) + number(fields["used_cpu_sys"])) * float64(time.Second))
}

// scripts returns the number of scripts that the server has executed by their names, and the time.
func (s *storeServer) scripts() (calls float64, took time.Duration) {
	for field := range strings.SplitSeq(s.info("commandstats")["cmdstat_evalsha"], ",") {
		switch name, value, _ := strings.Cut(field, "="); name {
		case "calls":
			calls = number(value)
		case "usec":
			took = time.Duration(number(value)) * time.Microsecond
		}
	}
	return calls, took
}

func number(text string) float64 { return must(strconv.ParseFloat(text, 64)) }
