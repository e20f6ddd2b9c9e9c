package drill_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/warder-go/warder/resource/valkey/valkeytest"
)

// proofWindow is dpop_window_seconds of the scenarios: long enough to replay proofs after the
// faults that last some seconds.
const proofWindow = 6 * time.Second

// Effects of faults.
var (
	away      = effects{reads: true, proofs: true}
	awayEmpty = effects{reads: true, proofs: true, lost: true}
)

func allScenarios() []scenario {
	all := append(serverScenarios(), networkScenarios()...)
	all = append(all, sentinelScenarios()...)
	return append(all, withNonces(killedAtOnce("kill -9, restarted empty at once")), withNonces(flushed()), withNonces(killedPrimary()))
}

// standalone returns a scenario with one server.
func standalone(name string, fail func(ctx context.Context, d *drill, server *valkeytest.Server), lines ...string) scenario {
	var server *valkeytest.Server
	return scenario{
		name: name,
		settings: func(t *testing.T, s *settings) {
			server = valkeytest.Start(t, valkeytest.Options{Lines: lines})
			s.store.Addresses = []string{server.Address()}
		},
		fail: func(ctx context.Context, d *drill) { fail(ctx, d, server) },
	}
}

// withNonces returns a scenario in which proofs need nonces.
func withNonces(sc scenario) scenario {
	start := sc.settings
	sc.name += ", with nonces"
	sc.settings = func(t *testing.T, s *settings) {
		start(t, s)
		s.nonces = true
	}
	return sc
}

func killedAtOnce(name string, lines ...string) scenario {
	return standalone(name, func(ctx context.Context, d *drill, server *valkeytest.Server) {
		d.fault(ctx, awayEmpty, server.Kill, hold(ctx, 0), server.Restart)
	}, lines...)
}

func flushed() scenario {
	return standalone("FLUSHALL", func(ctx context.Context, d *drill, server *valkeytest.Server) {
		d.fault(ctx, effects{lost: true}, func() { server.Do("FLUSHALL") }, hold(ctx, 0), func() {})
	})
}

// serverScenarios are failures of one server.
func serverScenarios() []scenario {
	return []scenario{
		killedAtOnce("kill -9, restarted empty at once"),
		killedAtOnce("kill -9, restarted at once with its data (AOF)", "appendonly yes", "appendfsync always"),
		standalone("kill -9, restarted empty after 8 s", func(ctx context.Context, d *drill, server *valkeytest.Server) {
			d.fault(ctx, awayEmpty, server.Kill, hold(ctx, 8*time.Second), server.Restart)
		}),
		standalone("kill -9 for 9 s, and a process is restarted meanwhile", func(ctx context.Context, d *drill, server *valkeytest.Server) {
			d.fault(ctx, awayEmpty, server.Kill, func() {
				pause(ctx, 2*time.Second)
				d.restart(0, true)
				pause(ctx, 7*time.Second)
			}, server.Restart)
		}),
		standalone("SIGSTOP for 10 s", func(ctx context.Context, d *drill, server *valkeytest.Server) {
			d.fault(ctx, away, server.Stop, hold(ctx, 10*time.Second), server.Continue)
		}),
		flushed(),
		standalone("full, noeviction, for 8 s", func(ctx context.Context, d *drill, server *valkeytest.Server) {
			d.fault(ctx, effects{proofs: true, stays: true}, func() { server.Do("CONFIG", "SET", "maxmemory", "100kb") }, hold(ctx, 8*time.Second), func() { server.Do("CONFIG", "SET", "maxmemory", "0") })
		}),
		standalone("allkeys-lru for 8 s", func(ctx context.Context, d *drill, server *valkeytest.Server) {
			d.fault(ctx, awayEmpty, func() {
				server.Do("CONFIG", "SET", "maxmemory", "100mb", "maxmemory-policy", "allkeys-lru")
				pause(ctx, 2*time.Second) // the setting is read every second
			}, hold(ctx, 8*time.Second), func() { server.Do("CONFIG", "SET", "maxmemory-policy", "noeviction") })
		}),
		password(),
	}
}

// passwordText is in all passwords of the store.
const passwordText = "drill-password"

// password replaces the password at the server and, two seconds later, in the file of the processes.
func password() scenario {
	var file string
	write := func(t *testing.T, password string) {
		if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
			t.Error(err)
		}
	}
	sc := standalone("another password for 2 s", func(ctx context.Context, d *drill, server *valkeytest.Server) {
		d.fault(ctx, away, func() {
			server.Do("ACL", "SETUSER", "drill", "resetpass", ">second-"+passwordText)
			server.Do("CLIENT", "KILL", "TYPE", "normal")
			server.Do("CLIENT", "KILL", "TYPE", "pubsub")
		}, hold(ctx, 2*time.Second), func() { write(d.t, "second-"+passwordText) })
	}, "user default off", "user drill on >first-"+passwordText+" ~* &* +@all")
	start := sc.settings
	sc.settings = func(t *testing.T, s *settings) {
		file = filepath.Join(t.TempDir(), "password")
		write(t, "first-"+passwordText)
		start(t, s)
		s.store.Username, s.store.PasswordFile = "drill", file
	}
	return sc
}
