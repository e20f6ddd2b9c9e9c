package valkey_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warder-go/warder/resource/valkey"
	"github.com/warder-go/warder/resource/valkey/valkeytest"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// dropConnections ends the connections of all users but that of the administrator.
func dropConnections(server *valkeytest.Server) {
	server.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
}

// The file with the password is read for each connection. Connections continue when the password
// changes.
func TestPasswordRotation(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t, valkeytest.Options{Lines: []string{"user warder on >first ~* &* +@all", "user default off"}})
	path := filepath.Join(t.TempDir(), "password")
	write(t, path, "first\n")
	var l logs
	s := open(t, valkey.Config{Addresses: []string{server.Address()}, Username: "warder", PasswordFile: path, Timeout: time.Second, Logger: l.logger()})
	if got := use(t.Context(), s, 1); got != "" {
		t.Fatalf("got %q", got)
	}
	server.Do("ACL", "SETUSER", "warder", ">second", "<first")
	if got := use(t.Context(), s, 2); got != "" {
		t.Errorf("after the change at the server: got %q", got)
	}
	dropConnections(server)
	eventually(t, "the old password is rejected", func() bool {
		return strings.Contains(use(t.Context(), s, 3), "WRONGPASS: the server rejected the user or the password")
	})
	write(t, path, "second\n")
	eventually(t, "the new password is accepted", func() bool { return use(t.Context(), s, 4) == "" })
	if text := l.String(); strings.Contains(text, "first") || strings.Contains(text, "second\n") {
		t.Errorf("got the log %s", text)
	}
}

// A password is one line, and is sent as it is. Everything else is an error that does not contain
// it.
func TestPasswordFiles(t *testing.T) {
	const password = " p4ss w\u00f6rd \t"
	server := valkeytest.Start(t, valkeytest.Options{})
	server.Do("ACL", "SETUSER", "default", "resetpass", ">"+password)
	server.Do("ACL", "SETUSER", "default", ">"+strings.Repeat("x", 16<<10))
	for _, row := range []struct{ name, content, want string }{
		{"without a line break", password, ""},
		{"a line break", password + "\n", ""},
		{"a line break of Windows", password + "\r\n", ""},
		{"as long as Redis permits", strings.Repeat("x", 16<<10), ""},
		{"too long", strings.Repeat("x", 64<<10+1), "is larger than 65536 bytes"},
		{"empty", "", "is empty"},
		{"only a line break", "\n", "is empty"},
		{"only a line break of Windows", "\r\n", "is empty"},
		{"two line breaks", password + "\n\n", "has more than one line"},
		{"two lines", password + "\nx", "has more than one line"},
		{"a NUL byte", password + "\x00", "contains a NUL byte"},
		{"another password", "p4ss", "WRONGPASS"},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "password")
			write(t, path, row.content)
			expectReady(t, valkey.Config{Addresses: []string{server.Address()}, PasswordFile: path}, row.want)
		})
	}
	t.Run("missing", func(t *testing.T) {
		expectReady(t, valkey.Config{Addresses: []string{server.Address()}, PasswordFile: "/does/not/exist"}, `secret file "/does/not/exist": no such file or directory`)
	})
	t.Run("a directory", func(t *testing.T) {
		expectReady(t, valkey.Config{Addresses: []string{server.Address()}, PasswordFile: t.TempDir()}, "is not a regular file")
	})
	t.Run("none", func(t *testing.T) {
		expectReady(t, valkey.Config{Addresses: []string{server.Address()}}, "NOAUTH: the server requires a password")
	})
}

// expectReady checks that a store is ready, or why it is not.
func expectReady(t *testing.T, c valkey.Config, want string) {
	t.Helper()
	c.Timeout = 5 * time.Second
	err := open(t, c).Ready(t.Context())
	switch {
	case want == "" && err != nil:
		t.Errorf("got %v", err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("got %v, want %q", err, want)
	case err != nil && strings.Contains(err.Error(), "p4ss"):
		t.Errorf("the error contains the password: %v", err)
	}
}

// The function is called for each connection. Its errors are not passed on.
func TestPasswordFunc(t *testing.T) {
	server := valkeytest.Start(t, valkeytest.Options{Lines: []string{"requirepass password"}})
	var called atomic.Int32
	s := open(t, valkey.Config{Addresses: []string{server.Address()}, Timeout: 5 * time.Second, PasswordFunc: func(ctx context.Context) (string, error) {
		if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > time.Second {
			t.Error("the function does not have a deadline of a second")
		}
		called.Add(1)
		return "password", nil
	}})
	for n := range 2 {
		eventually(t, "a call succeeds", func() bool { return use(t.Context(), s, n) == "" })
		if got := called.Load(); got != int32(n+1) {
			t.Errorf("called %d times, want %d", got, n+1)
		}
		dropConnections(server)
		eventually(t, "the loss is noticed", func() bool { return metric(t, s, "warder_store_circuit_open", "") == 1 || called.Load() > int32(n+1) })
	}
	for want, function := range map[string]func(context.Context) (string, error){
		"PasswordFunc returned an error":           func(context.Context) (string, error) { return "", errors.New("p4ss") },
		"PasswordFunc returned an empty password":  func(context.Context) (string, error) { return "", nil },
		"a function in the configuration panicked": func(context.Context) (string, error) { panic("p4ss") },
		"WRONGPASS: the server rejected the user ": func(context.Context) (string, error) { return "p4ss", nil },
	} {
		expectReady(t, valkey.Config{Addresses: []string{server.Address()}, PasswordFunc: function}, want)
	}
}
