package replaycache_test

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/warder-go/warder/internal/replaycache"
)

func Example() {
	cache := replaycache.New(replaycache.Limits{Entries: 1000, PerKey: 100})
	now := time.Now()
	thumbprint := sha256.Sum256([]byte("the public key"))
	use := sha256.Sum256([]byte("the thumbprint, jti and htu"))
	fmt.Println(cache.Once(thumbprint, use, now, now.Add(time.Minute)))
	fmt.Println(cache.Once(thumbprint, use, now, now.Add(time.Minute)))
	fmt.Println(cache.Entries(now))
	// Output:
	// first
	// replayed
	// 1
}
