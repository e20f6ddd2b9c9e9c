package valkey_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/revocation"
	"github.com/warder-go/warder/resource/valkey"
	"github.com/warder-go/warder/resource/valkey/valkeytest"
)

// group is a primary with a replica and a sentinel.
type group struct{ primary, replica, sentinel *valkeytest.Server }

func startGroup(t *testing.T, sentinelLines ...string) group {
	t.Helper()
	g := group{primary: valkeytest.Start(t, valkeytest.Options{})}
	g.replica = valkeytest.Start(t, valkeytest.Options{ReplicaOf: g.primary})
	g.replica.Wait("master_link_status:up", "INFO", "replication")
	g.sentinel = valkeytest.StartSentinel(t, g.primary, valkeytest.Options{Lines: sentinelLines})
	g.sentinel.Wait("slave", "SENTINEL", "REPLICAS", valkeytest.SentinelMaster)
	return g
}

func (g group) config() valkey.Config {
	return valkey.Config{
		Addresses: []string{"127.0.0.1:1", g.sentinel.Address()}, // the first one is down
		Mode:      valkey.Sentinel, SentinelMaster: valkeytest.SentinelMaster, Timeout: time.Second,
	}
}

// After a failover, the store uses the new primary. Proofs that were made before are not accepted,
// and revocations have another Data.
func TestFailover(t *testing.T) {
	for _, row := range []struct {
		name string
		fail func(g group)
	}{
		{"the primary was killed", func(g group) { g.primary.Kill() }},
		{"the primary hangs", func(g group) { g.primary.Stop() }},
		{"by command, with a primary that works", func(g group) { g.sentinel.Wait("OK", "SENTINEL", "FAILOVER", valkeytest.SentinelMaster) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			g := startGroup(t)
			s := open(t, g.config())
			var notified atomic.Int32
			go func() {
				for t.Context().Err() == nil {
					_ = s.Revocations().Watch(t.Context(), func() { notified.Add(1) })
				}
			}()
			eventually(t, "a call succeeds", func() bool { return use(t.Context(), s, 1) == "" })
			eventually(t, "the store is watched", func() bool { return notified.Load() == 1 })
			data := read(t, s, 0).Data
			row.fail(g)
			old := made(2, time.Now())
			eventually(t, "the data is another one", func() bool {
				page, err := s.Revocations().Read(t.Context(), 0)
				return err == nil && page.Data != data
			})
			once(t, s, old, resource.ErrProofsLost)
			once(t, s, proof(1, 3), nil)
			if got := g.replica.Do("GET", dataKey); !strings.Contains(g.replica.Do("INFO", "replication"), "role:master") || got != read(t, s, 0).Data {
				t.Errorf("the new primary has %q, the store %q", got, read(t, s, 0).Data)
			}
			eventually(t, "the new primary is watched", func() bool {
				before := notified.Load()
				add(t, s, record(int(before), time.Hour))
				return notified.Load() > before
			})
		})
	}
}

// A primary that hangs while another one is promoted is a replica when it continues, and is not
// used.
func TestOldPrimary(t *testing.T) {
	t.Parallel()
	g := startGroup(t)
	s := open(t, g.config())
	eventually(t, "a call succeeds", func() bool { return use(t.Context(), s, 1) == "" })
	g.primary.Stop()
	g.replica.Wait("role:master", "INFO", "replication")
	g.primary.Continue()
	g.primary.Wait("role:slave", "INFO", "replication")
	eventually(t, "a call succeeds again", func() bool { return use(t.Context(), s, 2) == "" })
	if got := use(t.Context(), s, 2); !strings.Contains(got, "used before") {
		t.Errorf("got %q", got)
	}
	if got, want := g.replica.Do("GET", dataKey), read(t, s, 0).Data; got != want {
		t.Errorf("the new primary has %q, the store %q", got, want)
	}
}

// A primary that was made a replica can lack revocations, and is not read any more, also if nothing
// was written to it since.
func TestPrimaryBecomesReplica(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t, valkeytest.Options{})
	s := openAt(t, server.Address())
	add(t, s, record(1, time.Hour))
	server.Do("REPLICAOF", "127.0.0.1", "1") // which is down
	const want = "the server is a replica, which can lack data"
	eventually(t, "reading fails", func() bool {
		_, err := s.Revocations().Read(t.Context(), 0)
		return err != nil && strings.Contains(err.Error(), want)
	})
	expectReady(t, valkey.Config{Addresses: []string{server.Address()}}, want)
	server.Do("REPLICAOF", "NO", "ONE")
	eventually(t, "reading works again", func() bool {
		page, err := s.Revocations().Read(t.Context(), 0)
		return err == nil && numbers(page.Records) == "[1]"
	})
}

// A server that becomes the primary again may lack what another primary has stored meanwhile. Its run_id is
// the same, and so is the data set if the server has not copied that of the other one.
func TestPrimaryAgain(t *testing.T) {
	server := valkeytest.Start(t, valkeytest.Options{})
	s := openAt(t, server.Address())
	for range 2 {
		once(t, s, made(1, time.Now().Add(-time.Hour)), resource.ErrProofsLost)
		run, _, _ := strings.Cut(server.Do("GET", dataKey), "/")
		server.Do("SET", dataKey, fmt.Sprintf("%s/%d", run, start.Add(-2*time.Hour).UnixMilli()))
		once(t, s, made(2, start.Add(-time.Hour)), nil)
		data := read(t, s, 0).Data
		server.Do("REPLICAOF", "127.0.0.1", "1") // which is down
		server.Do("REPLICAOF", "NO", "ONE")
		// Ready checks the server, as each new connection does.
		eventually(t, "the store is ready", func() bool { return s.Ready(t.Context()) == nil })
		once(t, s, made(3, start.Add(-time.Hour)), resource.ErrProofsLost)
		once(t, s, proof(1, 4), nil)
		if got := read(t, s, 0).Data; got == data || got != server.Do("GET", dataKey) {
			t.Errorf("got the Data %q after %q", got, data)
		}
		server.Do("FLUSHALL")
	}
}

// A primary that is cut off from its replicas can lack revocations that were added to the next primary, and
// is not read if min-replicas-to-write is set.
func TestPrimaryIsCutOff(t *testing.T) {
	t.Parallel()
	primary := valkeytest.Start(t, valkeytest.Options{})
	replica := valkeytest.Start(t, valkeytest.Options{ReplicaOf: primary})
	replica.Wait("master_link_status:up", "INFO", "replication")
	primary.Do("CONFIG", "SET", "min-replicas-to-write", "1", "min-replicas-max-lag", "1")
	s := openAt(t, primary.Address())
	eventually(t, "an addition succeeds", func() bool { return s.Revocations().Add(t.Context(), []revocation.Record{record(1, time.Hour)}) == nil })
	read(t, s, 0)
	replica.Kill()
	eventually(t, "reading fails", func() bool {
		_, err := s.Revocations().Read(t.Context(), 0)
		return err != nil && strings.Contains(err.Error(), "NOREPLICAS")
	})
	replica.Restart()
	eventually(t, "reading works again", func() bool {
		page, err := s.Revocations().Read(t.Context(), 0)
		return err == nil && numbers(page.Records) == "[1]"
	})
}

// A server that cannot save its data rejects additions, and has all revocations. It is read.
func TestServerThatCannotSave(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t, valkeytest.Options{})
	s := openAt(t, server.Address())
	add(t, s, record(1, time.Hour))
	folder := strings.TrimSpace(strings.TrimPrefix(server.Do("CONFIG", "GET", "dir"), "dir"))
	file := strings.TrimSpace(strings.TrimPrefix(server.Do("CONFIG", "GET", "dbfilename"), "dbfilename"))
	if err := os.MkdirAll(filepath.Join(folder, file, "x"), 0o700); err != nil { // which cannot be replaced
		t.Fatal(err)
	}
	server.Do("CONFIG", "SET", "save", "3600 1000", "stop-writes-on-bgsave-error", "yes")
	server.Do("BGSAVE")
	server.Wait("rdb_last_bgsave_status:err", "INFO", "persistence")
	if err := s.Revocations().Add(t.Context(), []revocation.Record{record(2, time.Hour)}); err == nil || !strings.Contains(err.Error(), "MISCONF") {
		t.Errorf("Add: got %v", err)
	}
	if got := numbers(read(t, s, 0).Records); got != "[1]" {
		t.Errorf("got %s", got)
	}
}

// The sentinels have another user than the server. The password of the server is not sent to them.
func TestSentinelPassword(t *testing.T) {
	g := startGroup(t)
	rules := documented(t, "sentinel|")
	g.sentinel.Do(append([]string{"ACL", "SETUSER", "watcher", "on", ">sentinel-password"}, rules...)...)
	g.sentinel.Do("ACL", "SETUSER", "default", "off")
	g.primary.Do("ACL", "SETUSER", "warder", "on", ">server-password", "~*", "&*", "+@all")
	g.primary.Do("ACL", "SETUSER", "default", "off")
	dir := t.TempDir()
	sentinelFile, serverFile := filepath.Join(dir, "sentinel"), filepath.Join(dir, "server")
	write(t, sentinelFile, "sentinel-password\n")
	write(t, serverFile, "server-password\n")
	c := g.config()
	c.Username, c.PasswordFile = "warder", serverFile
	expectReady(t, c, "NOAUTH: the server requires a password")
	c.SentinelUsername, c.SentinelPasswordFile = "watcher", sentinelFile
	expectReady(t, c, "")
	c.PasswordFile = sentinelFile
	expectReady(t, c, "WRONGPASS")
}

// A name that the sentinels do not know is an error that says so.
func TestUnknownPrimary(t *testing.T) {
	g := startGroup(t)
	c := g.config()
	c.SentinelMaster = "other"
	expectReady(t, c, `the sentinel does not know the primary "other"`)
}
