// Package valkey shares revocations, used DPoP proofs and introspection answers between processes,
// through Valkey or Redis 7 or newer.
//
//	store, err := valkey.Open(valkey.Config{Addresses: []string{"valkey.internal:6379"}})
//
// The parts of a [Store] are for [revocation.Config].Store, DPoP.Replays in
// [resource.Config].Credentials, and [introspect.Config].Answers. [OpenStore] is for configuration
// files. The store gets names only as HMACs and digests, and answers only encrypted, so a reader of
// the store finds no token and no secret.
//
// # The server
//
// All keys of a prefix have one hash tag, so they are in one slot of a cluster, and one primary has
// them all. Each process has one connection for calls and one that is notified of revocations. In
// the mode Sentinel it also has one to a sentinel, which it asks every second for the primary. One
// core of a server executes about 40,000 such calls per second. In Redis 7.0, a proof takes 117 bytes
// until ten seconds after it has expired, a key of a client as much again, and a revocation 285
// bytes.
//
// The server must not evict keys: an evicted key would be a proof that is accepted again or a
// revocation that is lost. If maxmemory is set, maxmemory-policy must be noeviction. Otherwise
// proofs and revocations are errors, until up to a second after the setting was changed. Then all
// data that was stored before counts as lost. The setting is read every second, so one that lasts
// for less than that is not noticed.
//
// A user needs these permissions (with another prefix, replace warder):
//
//	ACL SETUSER warder on >password resetchannels &{warder}:* resetkeys ~{warder}:* -@all +ping +info +eval +evalsha +get +getrange +set +del +incr +persist +time +publish +subscribe +zadd +zrem +zcard +zscore +zrangebyscore
//
// and, if sentinels have users:
//
//	ACL SETUSER warder on >password -@all +ping +sentinel|get-master-addr-by-name
//
// # Lost data
//
// Replication is asynchronous. When another server becomes the primary, and when the server
// restarts or is emptied, it may have lost data that it had confirmed. Each call about proofs or
// revocations therefore compares the run_id of the server with the one in the store. Each new
// connection, and each process every second, also compares the master_replid2, which shows that the
// server has become the primary again. If they differ, every process learns the time of the change.
// Proofs that can have been made before are then not accepted ([resource.ErrProofsLost]), and each
// [revocation.List] adds its revocations again. A store that is used for the first time has no
// data, which is the same. A primary that is cut off from its replicas accepts writes until the
// sentinels replace it. These writes are lost. min-replicas-to-write prevents that, and then such a
// primary is not read either.
//
// # Outages
//
// A call ends after Config.Timeout. After five failures in a row, calls that a request waits for
// fail at once for a second. Then one call is sent. If it fails too, calls fail at once for two
// seconds, then for four, and then for five each time. Calls about proofs and those about answers are
// counted separately. Errors that are about some calls only, such as
// that of a full server, do not count. Revocations are added and read meanwhile, in a second at
// most. While the server is not connected, all calls fail at once, and a goroutine tries to connect
// every second. A write is never repeated. [Store] is a prometheus.Collector:
//
//   - warder_store_calls_total has the number of calls, by operation and outcome,
//   - warder_store_call_duration_seconds has the duration of the calls that were sent, by operation,
//   - warder_store_calls_in_flight has the number of calls that are running,
//   - warder_store_circuit_open is 1 while calls fail at once,
//   - warder_store_data_since_timestamp_seconds has the time of the last change with which data may
//     have been lost.
//
// A server is trusted to follow its protocol: a reply that it sends without a command ends the
// process (a panic of the client library). Use TLS if the network is not trusted.
package valkey
