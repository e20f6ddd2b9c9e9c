package valkeytest_test

import (
	"fmt"

	"github.com/warder-go/warder/resource/valkey/valkeytest"
)

// testingT replaces the *testing.T of your test.
type testingT struct{ cleanups []func() }

func (*testingT) Helper()                   {}
func (t *testingT) Cleanup(f func())        { t.cleanups = append(t.cleanups, f) }
func (*testingT) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }
func (*testingT) Skipf(string, ...any)      {}

// A test starts a server, executes commands as an administrator, and restarts the server. It is
// skipped if neither Redis nor Valkey is installed.
func Example() {
	t := &testingT{}
	if server := valkeytest.Start(t, valkeytest.Options{Lines: []string{"maxmemory 10mb"}}); server != nil {
		server.Do("SET", "key", "value")
		server.Restart()
		server.Wait("0", "EXISTS", "key") // the data is lost
	}
	for _, cleanup := range t.cleanups {
		cleanup()
	}
	fmt.Println("done")
	// Output: done
}
