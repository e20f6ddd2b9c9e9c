package resource_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
)

// signerOf returns a key that no token is bound to.
func signerOf(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// whole returns the whole response: the status, the header in order, and the body.
func (f *fixture) whole(req *http.Request) string {
	f.t.Helper()
	recorder := httptest.NewRecorder()
	nethttp.Middleware(f.res)(f.inner).ServeHTTP(recorder, req)
	out := fmt.Sprintln(recorder.Code)
	for _, name := range slices.Sorted(maps.Keys(recorder.Header())) {
		for _, value := range recorder.Header()[name] {
			out += name + ": " + value + "\n"
		}
	}
	return strings.TrimSuffix(out+"\n"+recorder.Body.String(), "\n\n")
}

func (f *fixture) expectWhole(name, got, want string) {
	f.t.Helper()
	if got != want {
		f.t.Errorf("%s:\n got %s\nwant %s", name, got, want)
	}
}

// fakeReplays remembers everything and records its calls.
type fakeReplays struct {
	mu    sync.Mutex
	seen  map[resource.ProofID]bool
	calls []onceCall
	once  func(context.Context) error // nil: as the contract says
}

type onceCall struct {
	proof resource.ProofID
	until time.Time
}

func (r *fakeReplays) Once(ctx context.Context, proof resource.ProofID, until time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, onceCall{proof, until})
	if r.once != nil {
		return r.once(ctx)
	}
	if r.seen[proof] {
		return resource.ErrReplayed
	}
	r.seen[proof] = true
	return nil
}

// unbase64 decodes a thumbprint.
func unbase64(t testing.TB, text string) [32]byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) != 32 {
		t.Fatalf("%q is not a thumbprint: %v", text, err)
	}
	return [32]byte(b)
}

func mustDecode(segment string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil {
		panic(err)
	}
	return b
}

var base64Std = base64.StdEncoding.EncodeToString
