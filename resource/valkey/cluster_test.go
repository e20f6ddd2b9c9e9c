package valkey_test

import (
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/valkey"
	"github.com/warder-go/warder/resource/valkey/valkeytest"
)

// owner returns the node that has the slot of the keys, and another one that has other slots.
func owner(t *testing.T, nodes []*valkeytest.Server) (has, other *valkeytest.Server) {
	t.Helper()
	for _, node := range nodes {
		if _, err := node.Try("GET", dataKey); err == nil {
			has = node
		} else {
			other = node
		}
	}
	if has == nil || other == nil {
		t.Fatal("no node has the slot, or all do")
	}
	return has, other
}

// The store finds the node with its keys, whatever node it knows. When the slot is moved, it uses
// the new node, where proofs may be lost.
func TestCluster(t *testing.T) {
	t.Parallel()
	nodes := valkeytest.StartCluster(t, 3, 3, valkeytest.Options{})
	has, other := owner(t, nodes)
	for _, first := range []*valkeytest.Server{has, other} {
		has.Do("FLUSHALL")
		s := open(t, valkey.Config{Addresses: []string{"127.0.0.1:1", first.Address()}, Mode: valkey.Cluster, Timeout: 5 * time.Second})
		once(t, s, proof(1, 1), nil)
		once(t, s, proof(1, 1), resource.ErrReplayed)
		add(t, s, records(1, 3)...)
		if got := numbers(read(t, s, 0).Records); got != "[1 2]" {
			t.Errorf("got %s", got)
		}
		put(t, s, 1, []byte("x"), time.Minute)
		if value, _ := get(t, s, 1); string(value) != "x" {
			t.Errorf("got %q", value)
		}
		if err := s.Answers().Purge(t.Context(), 1); err != nil {
			t.Error(err)
		}
	}
	s := open(t, valkey.Config{Addresses: []string{other.Address()}, Mode: valkey.Cluster, Timeout: time.Second})
	once(t, s, proof(1, 2), nil)
	watched, ended := make(chan struct{}, 1), make(chan error, 1)
	go func() { ended <- s.Revocations().Watch(t.Context(), func() { watched <- struct{}{} }) }()
	<-watched
	has.Do("FLUSHALL")
	slot := has.Do("CLUSTER", "KEYSLOT", dataKey)
	for _, node := range []*valkeytest.Server{other, has} {
		node.Do("CLUSTER", "SETSLOT", slot, "NODE", other.Do("CLUSTER", "MYID"))
	}
	old := made(3, time.Now())
	eventually(t, "the new node is used", func() bool { return use(t.Context(), s, 4) == "" })
	once(t, s, old, resource.ErrProofsLost)
	if _, err := other.Try("GET", dataKey); err != nil {
		t.Error(err)
	}
	if err := <-ended; err.Error() != "valkey: watch: another server has become the primary" {
		t.Errorf("Watch: got %v", err)
	}
}

// After the failover of a node, the store uses its replica.
func TestClusterFailover(t *testing.T) {
	t.Parallel()
	nodes := valkeytest.StartCluster(t, 4, 3, valkeytest.Options{})
	has, other := owner(t, nodes[:3])
	replica := nodes[3]
	replica.Wait(has.Do("CLUSTER", "MYID"), "CLUSTER", "NODES")
	replica.Do("CLUSTER", "REPLICATE", has.Do("CLUSTER", "MYID"))
	replica.Wait("master_link_status:up", "INFO", "replication")
	s := open(t, valkey.Config{Addresses: []string{replica.Address(), other.Address()}, Mode: valkey.Cluster, Timeout: time.Second})
	once(t, s, proof(1, 1), nil)
	has.Kill()
	old := made(2, time.Now())
	eventually(t, "the replica is used", func() bool { return use(t.Context(), s, 3) == "" })
	once(t, s, old, resource.ErrProofsLost)
	if got, want := replica.Do("GET", dataKey), read(t, s, 0).Data; got != want {
		t.Errorf("the replica has %q, the store %q", got, want)
	}
}

// A node that is cut off from the others rejects all calls, and continues to answer. The store looks for
// another node, because the replica can have become the primary.
func TestClusterNodeIsCutOff(t *testing.T) {
	var cutOff atomic.Bool
	has, replica := startFake(t, func(command []string) string {
		if cutOff.Load() && strings.HasPrefix(command[0], "EVAL") {
			return "-CLUSTERDOWN The cluster is down\r\n"
		}
		return healthy(command)
	}), startFake(t, healthy)
	s := open(t, valkey.Config{Addresses: []string{has.address(), replica.address()}, Mode: valkey.Cluster, Timeout: 5 * time.Second})
	once(t, s, proof(1, 1), nil)
	cutOff.Store(true)
	began := time.Now()
	for use(t.Context(), s, 2) != "" {
		if time.Since(began) > 10*time.Second {
			t.Fatal("the other node was not used")
		}
	}
}

// Without the mode, a cluster is an error that says so.
func TestClusterWithoutMode(t *testing.T) {
	t.Parallel()
	_, other := owner(t, valkeytest.StartCluster(t, 2, 2, valkeytest.Options{}))
	expectReady(t, valkey.Config{Addresses: []string{other.Address()}}, "MOVED: another server of the cluster has the data: set Mode to cluster")
}

// MOVED is followed once. Its host can be missing, and it can be an IPv6 address without brackets.
func TestMoved(t *testing.T) {
	target := startFake(t, healthy)
	port := target.Addr().(*net.TCPAddr).Port
	for _, row := range []struct {
		moved string
		want  bool
	}{
		{fmt.Sprintf("MOVED 866 127.0.0.1:%d", port), true},
		{fmt.Sprintf("MOVED 866 :%d", port), true},
		{"MOVED 866 ::1:1", false},
		{"MOVED 866 [::1]:1", false},
		{"MOVED 866 127.0.0.1:0", false},
		{"MOVED 866 ?:1", false},
		{"MOVED 866 127.0.0.1", false},
		{"MOVED 866 secret", false},
		{"MOVED 866", false},
		{"MOVED", false},
		{fmt.Sprintf("MOVED 866 127.0.0.1:%d x", port), false},
		{fmt.Sprintf("ASK 866 127.0.0.1:%d", port), false},
	} {
		t.Run(row.moved, func(t *testing.T) {
			f := startFake(t, func(command []string) string {
				if strings.HasPrefix(command[0], "EVAL") {
					return "-" + row.moved + "\r\n"
				}
				return healthy(command)
			})
			before := target.accepted.Load()
			s := open(t, valkey.Config{Addresses: []string{f.address()}, Mode: valkey.Cluster, Timeout: 5 * time.Second})
			got := use(t.Context(), s, 1)
			if (got == "") != row.want || (target.accepted.Load() > before) != row.want || strings.Contains(got, "secret") {
				t.Errorf("got %q and %d connections to the target", got, target.accepted.Load()-before)
			}
		})
	}
}
