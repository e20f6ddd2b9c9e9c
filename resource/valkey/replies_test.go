package valkey_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource/revocation"
	"github.com/warder-go/warder/resource/valkey"
)

// calls are all calls of a store that requests make.
var calls = []struct {
	name string
	call func(t *testing.T, s *valkey.Store) error
}{
	{"once", func(t *testing.T, s *valkey.Store) error {
		return s.Replays().Once(t.Context(), proof(1, 1), time.Now().Add(time.Minute))
	}},
	{"add", func(t *testing.T, s *valkey.Store) error {
		return s.Revocations().Add(t.Context(), []revocation.Record{record(1, time.Hour)})
	}},
	{"read", func(t *testing.T, s *valkey.Store) error {
		_, err := s.Revocations().Read(t.Context(), 0)
		return err
	}},
	{"get", func(t *testing.T, s *valkey.Store) error {
		_, _, err := s.Answers().Get(t.Context(), introspect.AnswerKey{})
		return err
	}},
	{"put", func(t *testing.T, s *valkey.Store) error {
		return s.Answers().Put(t.Context(), introspect.AnswerKey{}, nil, time.Minute)
	}},
	{"put_new", func(t *testing.T, s *valkey.Store) error {
		_, err := s.Answers().PutNew(t.Context(), introspect.AnswerKey{}, nil, time.Minute)
		return err
	}},
	{"purge", func(t *testing.T, s *valkey.Store) error { return s.Answers().Purge(t.Context(), 1) }},
}

// beginning replies to what every connection begins with, and with something else to all other
// commands.
func beginning(other string) func([]string) string {
	return func(command []string) string {
		if (command[0] == "EVALSHA" || command[0] == "EVAL") && !isCheck(command) || command[0] == "GETRANGE" || command[0] == "SET" {
			return other
		}
		return healthy(command)
	}
}

// An error of the server is an error of the call. Its text is not, because it could have any
// content.
func TestErrorReplies(t *testing.T) {
	for _, row := range []struct{ reply, want string }{
		{"OOM command not allowed secret", "the server answered OOM: the memory of the server is full: raise maxmemory"},
		{"READONLY secret", "the server answered READONLY: the server is a replica"},
		{"MOVED 866 secret:1", "the server answered MOVED: another server of the cluster has the data: set Mode to cluster, or wait"},
		{"MOVED", "the server answered MOVED: another server of the cluster has the data: set Mode to cluster, or wait"},
		{"ASK 866 secret:1", "the server answered ASK: the data is being moved in the cluster"},
		{"TRYAGAIN secret", "the server answered TRYAGAIN: the data is being moved in the cluster"},
		{"CLUSTERDOWN secret", "the server answered CLUSTERDOWN: the cluster is down"},
		{"MASTERDOWN secret", "the server answered MASTERDOWN: the replica has lost its primary"},
		{"LOADING secret", "the server answered LOADING: the server is loading its data"},
		{"BUSY secret", "the server answered BUSY: a script blocks the server"},
		{"MISCONF secret", "the server answered MISCONF: the server cannot save its data, and rejects writes"},
		{"NOREPLICAS secret", "the server answered NOREPLICAS: the primary lacks replicas, see min-replicas-to-write"},
		{"WRONGTYPE secret", "the server answered WRONGTYPE: another program uses the keys: set another Prefix"},
		{"NOPERM secret", "the server answered NOPERM: the user lacks a permission: see the documentation of package valkey, and ACL LOG"},
		{"ERR The user executing the script can't secret", "the server answered NOPERM: the user lacks a permission: see the documentation of package valkey, and ACL LOG"},
		{"ERR ACL failure in script: secret", "the server answered NOPERM: the user lacks a permission: see the documentation of package valkey, and ACL LOG"},
		{"NOAUTH secret", "the server answered NOAUTH: the server requires a password"},
		{"ERR unknown command 'secret'", "the server answered with an unknown error: see its log"},
		{"SECRET", "the server answered with an unknown error: see its log"},
		{"", "the server answered with an unknown error: see its log"},
	} {
		for _, c := range calls {
			t.Run(row.reply+"/"+c.name, func(t *testing.T) {
				f := startFake(t, beginning("-"+row.reply+"\r\n"))
				err := c.call(t, openAt(t, f.address()))
				if want := fmt.Sprintf("valkey: %s: %s", c.name, row.want); err == nil || err.Error() != want {
					t.Errorf("got %v, want %s", err, want)
				}
			})
		}
	}
}

// A reply of another form is an error, whose text does not contain it.
func TestUnexpectedReplies(t *testing.T) {
	data := bulk("aaaa/1")
	valid := map[string][]string{ // by call
		"put": {"+OK\r\n"}, "put_new": {"+OK\r\n", "_\r\n", "*-1\r\n"}, "get": {bulk("")},
	}
	for _, reply := range []string{
		"+OK\r\n", "+secret\r\n", ":1\r\n", ":-1\r\n", "_\r\n", "#t\r\n", ",1.5\r\n", bulk(""), bulk("secret"),
		"*-1\r\n", "*0\r\n", "%0\r\n", "*2\r\n" + data + data, "*2\r\n:1\r\n:1\r\n", "*2\r\n_\r\n:1\r\n",
		"*2\r\n" + data + "_\r\n", "*2\r\n" + data + ":3\r\n", "*2\r\n" + data + ":-1\r\n", "*2\r\n-ERR secret\r\n:1\r\n",
		"*2\r\n" + bulk("NORUNID") + ":1\r\n", "*2\r\n" + bulk("/1") + ":1\r\n", "*2\r\n" + bulk("aaaa") + ":1\r\n",
		"*2\r\n" + bulk("aaaa/secret") + ":1\r\n", "*2\r\n" + bulk("") + ":1\r\n",
		"*3\r\n" + data + ":1\r\n:1\r\n", "*3\r\n" + data + ":1\r\n*1\r\n" + data, "*3\r\n" + data + "_\r\n*0\r\n",
		"*3\r\n" + data + ":1\r\n*2\r\n" + data + data, "*3\r\n" + data + data + "*0\r\n",
		"x\r\n", "\r\n", "HTTP/1.1 400 secret\r\n\r\n", "$x\r\n", "*x\r\n",
	} {
		for _, c := range calls {
			t.Run(fmt.Sprintf("%q/%s", reply, c.name), func(t *testing.T) {
				f := startFake(t, beginning(reply))
				err := c.call(t, openAt(t, f.address()))
				if want := slices.Contains(valid[c.name], reply); (err == nil) != want {
					t.Errorf("got %v, want success %t", err, want)
				}
				if err != nil && strings.Contains(err.Error(), "secret") {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}

// A server that does not begin like Valkey or Redis 7 is not used.
func TestOtherServers(t *testing.T) {
	for _, row := range []struct {
		name     string
		commands []string // that the replies are for
		reply    string
	}{
		{"HTTP", []string{"HELLO"}, "HTTP/1.1 400 secret\r\n\r\n"},
		{"nothing but line breaks", []string{"HELLO"}, "\r\n"},
		{"an error with the password", []string{"HELLO"}, "-ERR unknown command 'HELLO', with args beginning with: 'AUTH' 'secret'\r\n"},
		{"an array", []string{"HELLO"}, "*0\r\n"},
		{"a wrong password", []string{"HELLO"}, "-WRONGPASS secret\r\n"},
		{"too many clients", []string{"HELLO"}, "-ERR max number of clients reached\r\n"},
		{"without INFO memory", []string{"INFO"}, "-ERR secret\r\n"},
		{"INFO without maxmemory", []string{"INFO"}, bulk("maxmemory_policy:noeviction\r\n")},
		{"INFO without maxmemory_policy", []string{"INFO"}, bulk("maxmemory:1\r\n")},
		{"INFO of a replica", []string{"INFO"}, bulk("maxmemory:0\r\nmaxmemory_policy:noeviction\r\nrole:slave\r\n")},
		{"INFO without a role", []string{"INFO"}, bulk("maxmemory:0\r\nmaxmemory_policy:noeviction\r\n")},
		{"an unexpected INFO", []string{"INFO"}, "*0\r\n"},
		{"without scripts", []string{"EVALSHA", "EVAL"}, "-ERR unknown command 'secret'\r\n"},
		{"an unexpected data set", []string{"EVALSHA"}, "*1\r\n" + bulk("secret")},
		{"a replica", []string{"EVALSHA"}, "-READONLY secret\r\n"},
		{"an echo", nil, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := startFake(t, func(command []string) string {
				switch {
				case row.commands == nil:
					return fmt.Sprintf("*1\r\n%s", bulk(command[0]))
				case slices.Contains(row.commands, command[0]):
					return row.reply
				}
				return healthy(command)
			})
			var l logs
			password := func(context.Context) (string, error) { return "secret", nil }
			s := open(t, valkey.Config{Addresses: []string{f.address()}, Timeout: 5 * time.Second, PasswordFunc: password, Logger: l.logger()})
			for _, c := range calls {
				if err := c.call(t, s); err == nil || strings.Contains(err.Error(), "secret") {
					t.Errorf("%s: got %v", c.name, err)
				}
			}
			if err := s.Ready(t.Context()); err == nil {
				t.Error("ready")
			}
			if text := l.String(); strings.Contains(text, "secret") || !strings.Contains(text, "cannot connect to the shared store") {
				t.Errorf("got the log %s", text)
			}
		})
	}
}
