package valkeytest

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// SentinelMaster is the name of the primary at the sentinels of StartSentinel.
const SentinelMaster = "warder"

// StartSentinel starts a sentinel for a primary and its replicas. It notices after half a second
// that the primary does not answer, and then makes a replica the primary. One sentinel is enough
// for the decision.
func StartSentinel(tb TB, primary *Server, o Options) *Server {
	tb.Helper()
	o.Program = primary.program
	o.mode = []string{"--sentinel"}
	o.Lines = append([]string{
		fmt.Sprintf("sentinel monitor %s 127.0.0.1 %d 1", SentinelMaster, primary.port),
		fmt.Sprintf("sentinel auth-user %s %s", SentinelMaster, adminUser),
		fmt.Sprintf("sentinel auth-pass %s %s", SentinelMaster, adminPassword),
		fmt.Sprintf("sentinel down-after-milliseconds %s 500", SentinelMaster),
		fmt.Sprintf("sentinel failover-timeout %s 3000", SentinelMaster),
	}, o.Lines...)
	return Start(tb, o)
}

// StartCluster starts a cluster. The slots are divided evenly between the first nodes, and the
// others have none.
func StartCluster(tb TB, nodes, withSlots int, o Options) []*Server {
	tb.Helper()
	lines := o.Lines
	var all []*Server
	for range nodes {
		o.Lines = append([]string{
			"cluster-enabled yes", "cluster-config-file nodes", "cluster-node-timeout 1000",
			"cluster-port " + strconv.Itoa(freePort(tb)),
		}, lines...)
		all = append(all, Start(tb, o))
	}
	const slots = 16384
	for i, s := range all[:withSlots] {
		s.Do("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(i*slots/withSlots), strconv.Itoa((i+1)*slots/withSlots-1))
	}
	for _, s := range all[1:] {
		host, port, _ := net.SplitHostPort(all[0].Address())
		s.Do("CLUSTER", "MEET", host, port, all[0].busPort())
	}
	for _, s := range all {
		s.Wait("cluster_known_nodes:"+strconv.Itoa(nodes), "CLUSTER", "INFO")
		s.Wait("cluster_state:ok", "CLUSTER", "INFO")
	}
	return all
}

// busPort returns the port at which cluster nodes talk to each other.
func (s *Server) busPort() string {
	for _, line := range s.options.Lines {
		if port, ok := strings.CutPrefix(line, "cluster-port "); ok {
			return port
		}
	}
	return ""
}
