// Package valkeytest starts Valkey and Redis servers for tests, on ports of the loopback interface
// that the kernel chooses. It uses valkey-server or redis-server of the machine, version 7 or
// newer, and skips the test if neither is installed. It is NOT FOR PRODUCTION.
//
//	server := valkeytest.Start(t, valkeytest.Options{})
//	store, err := valkey.Open(valkey.Config{Addresses: []string{server.Address()}})
//
// A server stores nothing on disk. It ends with the test. [Server.Kill], [Server.Stop],
// [Server.Continue] and [Server.Restart] cause outages. [Server.Do] executes a command as an
// administrator, whatever the test does with the other users. [StartSentinel] and [StartCluster]
// start servers with other tasks.
//
// All functions and methods call Fatalf if something does not work.
package valkeytest
