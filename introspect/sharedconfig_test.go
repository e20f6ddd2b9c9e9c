package introspect_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

func TestAnswersConfigMistakes(t *testing.T) {
	keys := func(n int) (all [][]byte) {
		for i := range n {
			all = append(all, answerKey(fmt.Sprint(i)))
		}
		return all
	}
	bearer := introspect.ClientAuth{Method: introspect.Bearer, BearerToken: "t"}
	bearerWithID := introspect.ClientAuth{Method: introspect.Bearer, BearerToken: "t", ClientID: "id"}
	secret := introspect.ClientAuth{ClientID: "id", ClientSecret: "s"}
	for _, row := range []struct {
		name    string
		answers introspect.Answers
		keys    [][]byte
		auth    introspect.ClientAuth
		want    string
	}{
		{"none", nil, nil, secret, ""},
		{"one key", newMemoryAnswers(), keys(1), secret, ""},
		{"eight keys", newMemoryAnswers(), keys(8), secret, ""},
		{"method bearer with ClientID", newMemoryAnswers(), keys(1), bearerWithID, ""},
		{"a nil pointer", (*memoryAnswers)(nil), keys(1), secret, "Answers: a nil pointer; leave it out if answers are not shared"},
		{"no key", newMemoryAnswers(), nil, secret, "AnswerKeys: none; Answers requires at least one"},
		{"keys without a store", nil, keys(1), secret, "AnswerKeys: are not used without Answers; remove them or set Answers"},
		{"short key", newMemoryAnswers(), [][]byte{keys(1)[0][:31]}, secret, "AnswerKeys: key 1 has 31 bytes; want at least 32 random bytes"},
		{"nine keys", newMemoryAnswers(), keys(9), secret, "AnswerKeys: has 9 keys; at most 8 are possible: remove the oldest ones"},
		{"equal keys", newMemoryAnswers(), append(keys(1), keys(1)...), secret, "AnswerKeys: key 2 equals key 1: remove one of them"},
		{"no ClientID", newMemoryAnswers(), keys(1), bearer, "Answers: Auth.ClientID is empty; it is required because an answer is shared only with processes of the same client"},
	} {
		_, err := introspect.New(introspect.Config{Issuer: "https://auth.example.test", Auth: row.auth, Answers: row.answers, AnswerKeys: row.keys})
		got := ""
		if err != nil {
			got = strings.TrimPrefix(err.Error(), "introspect: configuration: ")
		}
		if got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
		if strings.Contains(got, "test-key-of-answers") {
			t.Errorf("%s: the error contains a key", row.name)
		}
	}
}

// Neither a configuration nor a verifier prints a key.
func TestAnswerKeysAreNotPrinted(t *testing.T) {
	key := answerKey("1")
	config := introspect.Config{
		Issuer: "https://auth.example.test", Auth: introspect.ClientAuth{ClientID: "id", ClientSecret: "s"},
		Answers: newMemoryAnswers(), AnswerKeys: [][]byte{key},
	}
	verifier, err := introspect.New(config)
	if err != nil {
		t.Fatal(err)
	}
	var written bytes.Buffer
	for _, v := range []any{config, &config, []introspect.Config{config}, verifier, struct{ V *introspect.Verifier }{verifier}} {
		fmt.Fprintf(&written, "%v %+v %#v %s %q %x %d\n", v, v, v, v, v, v, v)
		slog.New(slog.NewTextHandler(&written, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&written, nil)).Info("x", "v", v)
		encoded, _ := json.Marshal(v)
		written.Write(encoded)
	}
	numbers := strings.Trim(fmt.Sprint(key), "[]")
	for _, form := range []string{string(key), hex.EncodeToString(key), base64.StdEncoding.EncodeToString(key), numbers, strings.ReplaceAll(numbers, " ", ", ")} {
		if strings.Contains(written.String(), form) {
			t.Errorf("a key was written:\n%s", &written)
		}
	}
}

// Keys are replaced in three steps while two processes run: the new key is added at the end,
// moved to the front, and the old one is removed. Each row is the moment at which only the first
// process has taken the step. No decision is wrong, and answers are shared as long as one process
// has the key of the other one.
func TestKeyRotation(t *testing.T) {
	before, after := answerKey("old"), answerKey("new")
	for _, row := range []struct {
		name          string
		first, second [][]byte
		calls         int
	}{
		{"the same keys", [][]byte{before}, [][]byte{before}, 1},
		{"added", [][]byte{before, after}, [][]byte{before}, 1},
		{"moved", [][]byte{after, before}, [][]byte{before, after}, 1},
		{"removed", [][]byte{after}, [][]byte{after, before}, 1},
		{"moved before all have added it", [][]byte{after, before}, [][]byte{before}, 2},
		{"replaced at once", [][]byte{after}, [][]byte{before}, 2},
	} {
		for _, order := range [][2]int{{0, 1}, {1, 0}} {
			for _, unknown := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, from %d to %d, unknown %t", row.name, order[0], order[1], unknown), func(t *testing.T) {
					inProcesses(t, 2, func(process int, _ *resource.Config, c *introspect.Config) {
						c.AnswerKeys = [][][]byte{row.first, row.second}[process]
					}, func(_ *memoryAnswers, processes []*fixture) {
						token, status, reason := processes[0].token(resourcetest.Token{}), 200, resource.Reason("")
						if unknown {
							token, status, reason = unknownToken(1), 401, resource.ReasonInactive
						}
						for _, process := range order {
							processes[process].expect("request", token, status, reason)
						}
						want := row.calls
						if row.name == "moved before all have added it" && order[1] == 0 {
							want = 1 // the first process has both keys
						}
						processes[0].expectCalls(want)
					})
				})
			}
		}
	}
}

// A change of the keys of the program after New has no effect.
func TestAnswerKeysAreCopied(t *testing.T) {
	keys := [][]byte{answerKey("1")}
	inProcesses(t, 2, func(_ int, _ *resource.Config, c *introspect.Config) { c.AnswerKeys = keys }, func(_ *memoryAnswers, processes []*fixture) {
		token := processes[0].token(resourcetest.Token{})
		processes[0].expect("first process", token, 200, "")
		clear(keys[0])
		processes[1].expect("second process", token, 200, "")
		time.Sleep(10 * time.Second)
		processes[0].expectCalls(1)
	})
}
