package main

import (
	"runtime"

	"github.com/warder-go/warder/resource"
)

// memoryPerToken caches n JWTs and returns the heap bytes per token, and the average size
// of the tokens' claims as JSON.
func memoryPerToken(n int) (bytes, claimBytes float64) {
	key := newSigner("EdDSA", "k1")
	h := withStaticKeys(resource.Config{Limits: resource.Limits{CacheEntries: 2 * n, CacheBytes: 1 << 30}}, keySet(key))
	mustAccept(h, request(key.token(0, 700)))
	before, text := liveHeap(), 0
	for i := range n {
		c := accessToken(i+1, 700)
		text += len(encode(c))
		mustAccept(h, request(key.sign(c)))
	}
	after := liveHeap()
	runtime.KeepAlive(h)
	return float64(after-before) / float64(n), float64(text) / float64(n)
}

// liveHeap returns the bytes of reachable heap objects. It collects garbage twice, so that
// objects of sync.Pool are freed too.
func liveHeap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
