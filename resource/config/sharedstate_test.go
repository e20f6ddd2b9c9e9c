package config_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/config"
)

const sharedKey = "a-common-key-of-at-least-32-bytes"

// shared returns lines with the required keys of shared_state and additional ones. They begin at
// line 4 of block.
func shared(lines ...string) string {
	return "  shared_state:\n    addresses: ['store.example.com:6379']\n    keys: [" + sharedKey + "]" + strings.Join(append([]string{""}, lines...), "\n    ")
}

// Each key about the store reaches the function of the program, once. The path of a file is complete.
func TestStoreSettings(t *testing.T) {
	dir := t.TempDir()
	password := write(t, dir, "password", "p1\n")
	write(t, dir, "other", "p2")
	store := new(memory)
	logger := slog.New(slog.DiscardHandler)
	live, err := config.New(config.Config{File: write(t, dir, "a.yaml", block("  shared_state:", "    addresses: ['one:1', '[2001:db8::1]:2']", "    mode: sentinel", "    sentinel_master: m",
		"    username: u", "    password_file: password", "    sentinel_username: su", "    sentinel_password_file: other", "    prefix: p", "    database: 3", "    timeout_milliseconds: 20",
		"    max_calls: 4", "    max_revocations: 5", "    max_proofs_per_key: 6", "    keys: ["+sharedKey+"]")), Environ: []string{}, OpenStore: store.open, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	want := config.StoreSettings{Addresses: []string{"one:1", "[2001:db8::1]:2"}, Mode: "sentinel", SentinelMaster: "m", Username: "u", PasswordFile: password,
		SentinelUsername: "su", SentinelPasswordFile: strings.TrimSuffix(password, "password") + "other", Prefix: "p", Database: 3, Timeout: 20 * time.Millisecond,
		MaxCalls: 4, MaxRevocations: 5, MaxProofsPerKey: 6, Logger: logger}
	if len(store.opened) != 1 || fmt.Sprintf("%#v", store.opened[0]) != fmt.Sprintf("%#v", want) {
		t.Errorf("\n got %#v\nwant %#v", store.opened, want)
	}
	store = new(memory)
	if got := mistakesOf(t, store.config(block(shared()))); got != "" {
		t.Fatal(got)
	}
	if got, want := fmt.Sprintf("%#v", store.opened[0]), fmt.Sprintf("%#v", config.StoreSettings{Addresses: []string{"store.example.com:6379"}, Mode: "standalone"}); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// WithoutStore checks the block and opens no store. What is shared otherwise is in the memory of the
// process.
func TestWithoutStore(t *testing.T) {
	c := textConfig(block(shared("mode: cluster")))
	c.WithoutStore = true
	live, err := config.New(c)
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	if err := live.Reload(t.Context()); live.Revocations() != nil || err != nil {
		t.Errorf("got the list %v, and from a reload: %v", live.Revocations(), err)
	}
	c.Text = []byte(block(shared("mode: other")))
	if got, want := mistakesOf(t, c), mistakesOf(t, new(memory).config(block(shared("mode: other")))); got != want || got == "" {
		t.Errorf("got %s, want %s", got, want)
	}
}

// config returns a Config with a text, exactly the given environment variables, and this store.
func (m *memory) config(text string, vars ...string) config.Config {
	c := textConfig(text, vars...)
	c.OpenStore = m.open
	return c
}

func TestMistakesOfSharedState(t *testing.T) {
	dir := t.TempDir()
	short, password := write(t, dir, "short", "short-secret"), write(t, dir, "password", "p\n")
	chain, key := clientCertificate(t, "c")
	pair := "tls_client_certificate_file: " + write(t, dir, "chain", chain) + "\n    tls_client_key_file: " + write(t, dir, "key", key)
	const at, after = "text:4: shared_state.", "text:7: shared_state."
	const introspected = "  introspect_jwts: true\n  introspection_auth_method: bearer\n  introspection_bearer_token: t\n"
	onlyReplays := []string{"revocations: false", "introspection_answers: false"}
	for _, row := range []struct{ lines, want string }{
		{shared(), ""},
		{shared(onlyReplays...), ""},
		{shared("tls: true", pair), ""},
		{shared("mode: cluster", "database: 0"), ""},
		{"  shared_state:", "text:4: shared_state: is not a mapping of keys"},
		{"  shared_state: {}", at + "addresses: is missing"},
		{shared("adresses: ['a:1']"), after + "adresses: unknown key; did you mean addresses?"},
		{shared("mode: single"), after + "mode: must be one of standalone, sentinel, cluster"},
		{shared("timeout_milliseconds: 4"), after + "timeout_milliseconds: must be a whole number from 5 to 5000"},
		{shared("max_calls: 513"), after + "max_calls: must be a whole number from 1 to 500"},
		{shared("database: 65536"), after + "database: must be a whole number from 0 to 65535"},
		{shared("max_revocations: 0"), after + "max_revocations: must be a whole number from 1 to 100000000"},
		{shared("max_revocation_age_seconds: 1"), after + "max_revocation_age_seconds: must be a whole number from 2 to 3600"},
		{shared("max_proofs_per_key: 0"), after + "max_proofs_per_key: must be a whole number from 1 to 100000000"},
		{strings.Replace(shared(), "['store.example.com:6379']", "[]", 1), "text:5: shared_state.addresses: is empty; name a server as host:port"},
		{strings.Replace(shared(), "'store.example.com:6379'", "'a:1', 'b:2'", 1), "text:5: shared_state.addresses: has 2 servers, and mode standalone has one; remove the others, or set mode to sentinel or cluster"},
		{shared("sentinel_master: m"), after + "sentinel_master: is used with mode sentinel only; remove it, or set mode"},
		{shared("sentinel_password_file: " + password), after + "sentinel_password_file: is used with mode sentinel only; remove it, or set mode"},
		{shared("mode: sentinel"), "text:4: shared_state.sentinel_master: is missing; with mode sentinel, it is required"},
		{shared("mode: cluster", "database: 1"), "text:8: shared_state.database: a cluster has only database 0; remove it"},
		{shared("username: u"), after + "username: requires password_file"},
		{shared("mode: sentinel", "sentinel_master: m", "sentinel_username: u"), "text:9: shared_state.sentinel_username: requires sentinel_password_file"},
		{shared("password_file: /nowhere"), after + `password_file: secret file "/nowhere": no such file or directory`},
		{shared("ca_file: x"), after + "ca_file: requires tls: true"},
		{shared("tls: false", "server_name: x"), "text:8: shared_state.server_name: requires tls: true"},
		{shared("tls: true", "ca_file: /nowhere"), `text:8: shared_state.ca_file: file "/nowhere": no such file or directory`},
		{shared("tls: true", "ca_file: "+short), `text:8: shared_state.ca_file: file "` + short + `": has no PEM certificate`},
		{shared("tls: true", "tls_client_key_file: x"), "text:8: shared_state.tls_client_key_file: requires tls_client_certificate_file"},
		{shared("tls: true", "tls_client_certificate_file: x"), "text:8: shared_state.tls_client_certificate_file: requires tls_client_key_file"},
		{shared("tls: true", strings.Replace(pair, "/chain", "/short", 1)), `text:8: shared_state.tls_client_certificate_file: files "` + short + `" and "` + dir + `/key": tls: failed to find any PEM data in certificate input`},
		{strings.Replace(shared(), "    keys: ["+sharedKey+"]", "", 1), "text:4: shared_state.keys: is missing; set it or key_files to keys that all replicas have"},
		{strings.Replace(shared(), "["+sharedKey+"]", "[]", 1), "text:6: shared_state.keys: is empty; add a key, or remove it"},
		{strings.Replace(shared(), "["+sharedKey+"]", "[short-secret]", 1), "text:6: shared_state.keys: key 1 has 12 bytes; want at least 32 random bytes"},
		{strings.Replace(shared(), "keys: ["+sharedKey+"]", "key_files: ["+short+"]", 1), "text:6: shared_state.key_files: key 1 has 12 bytes; want at least 32 random bytes"},
		{strings.Replace(shared(), "keys: ["+sharedKey+"]", "key_files: [/nowhere]", 1), `text:6: shared_state.key_files[0]: file "/nowhere": no such file or directory`},
		{shared("key_files: [" + short + "]"), after + "key_files: keys is also set; set only one of them"},
		{shared(append(onlyReplays, "replays: false")...), "text:4: shared_state: nothing is shared; remove the block, or one of revocations, replays and introspection_answers"},
		{shared("revocations: false", "accept_outdated_revocations: true"), "text:8: shared_state.accept_outdated_revocations: has no effect, because revocations is false; remove one of them"},
		{shared("replays: false", "max_proofs_per_key: 1"), "text:8: shared_state.max_proofs_per_key: has no effect, because replays is false; remove one of them"},
		{shared("replays: false") + "\n  dpop_max_proofs: 1\n  dpop_tokens: accepted", ""},
		{shared() + "\n  dpop_max_proofs: 1\n  dpop_tokens: accepted", "text:7: dpop_max_proofs: shared_state stores the proofs, so it has no effect; remove it, and see max_proofs_per_key in shared_state"},
		{shared() + "\n  dpop_max_proofs_per_key: 1\n  dpop: accepted", "text:7: dpop_max_proofs_per_key: shared_state stores the proofs, so it has no effect; remove it, and see max_proofs_per_key in shared_state"},
		{introspected + shared(), "text:5: client_id: is missing; it is required because shared_state shares introspection responses only between replicas with the same one; set it, or set introspection_answers there to false"},
		{introspected + shared("introspection_answers: false"), ""},
		{"  client_secret: s\n" + shared(), "text:4: client_id: is missing; method \"client_secret_basic\" requires it"},
		{introspected + "  client_id: c\n" + shared(), ""},
	} {
		if got := mistakesOf(t, new(memory).config(block(row.lines))); got != row.want {
			t.Errorf("%s\n got %s\nwant %s", row.lines, got, row.want)
		}
	}
	for _, address := range []string{"host", ":6379", "host:", "host:0", "host:65536", "host:+1", "redis://host:1", "u@host:1", "ho st:1"} {
		want := "text:5: shared_state.addresses[0]: is not host:port, such as valkey.example.com:6379"
		if got := mistakesOf(t, new(memory).config(block(strings.Replace(shared(), "store.example.com:6379", address, 1)))); got != want {
			t.Errorf("%s\n got %s\nwant %s", address, got, want)
		}
	}
}

// The block needs a function of the program that opens the store, and one that returns what the file shares.
func TestMistakesOfOpenStore(t *testing.T) {
	for _, row := range []struct {
		name string
		open func(config.StoreSettings) (config.Stores, error)
		want string
	}{
		{"none", nil, "text:4: shared_state: the program cannot open a store; it must set config.Config.OpenStore, for example to OpenStore of package resource/valkey, and run config.Live.Run"},
		{"it returns nothing", func(config.StoreSettings) (config.Stores, error) { return config.Stores{}, nil },
			"text:4: shared_state.revocations: the store of this program cannot share them; set it to false\ntext:4: shared_state.replays: the store of this program cannot share them; set it to false\ntext:4: shared_state.introspection_answers: the store of this program cannot share them; set it to false"},
		{"it returns an error", func(config.StoreSettings) (config.Stores, error) { return config.Stores{}, errors.New("no luck") }, "text:4: shared_state: no luck"},
		{"it returns mistakes", func(config.StoreSettings) (config.Stores, error) {
			return config.Stores{}, fmt.Errorf("store: configuration: %w", errors.Join(errors.New("Prefix: is odd"), errors.New("Addresses[0]: is odd"), errors.New("Elsewhere: is odd")))
		}, "text:4: shared_state: Elsewhere: is odd\ntext:5: shared_state.addresses[0]: is odd\ntext:7: shared_state.prefix: is odd"},
		{"it panics", func(config.StoreSettings) (config.Stores, error) { panic("secret") }, "a function of the program, such as Complete or Check, panicked with a value of type string"},
	} {
		c := textConfig(block(shared("prefix: p")))
		c.OpenStore = row.open
		if got := mistakesOf(t, c); got != row.want {
			t.Errorf("%s:\n got %s\nwant %s", row.name, got, row.want)
		}
	}
	if _, err := config.Load(write(t, t.TempDir(), "a.yaml", block(shared()))); err == nil || !strings.Contains(err.Error(), "it must set config.Config.OpenStore") {
		t.Errorf("Load: got %v", err)
	}
}

// A store that was opened is closed if New returns an error. Without the block, or with a mistake in it, it is
// not opened.
func TestStoreIsClosed(t *testing.T) {
	for _, row := range []struct {
		name, text     string
		complete       func(*resource.Config)
		opened, closed int
	}{
		{"without the block", block("  scopes: [a]"), nil, 0, 0},
		{"disabled", block("  enabled: false", shared()), nil, 0, 0},
		{"a mistake in the block", block(shared("username: u")), nil, 0, 0},
		{"a mistake elsewhere", block("  scopes: [a]", shared()), nil, 1, 1},
		{"Complete panics", block(shared()), func(*resource.Config) { panic(1) }, 1, 1},
		{"valid", block(shared()), nil, 1, 0},
	} {
		store := new(memory)
		c := store.config(row.text)
		c.Complete = row.complete
		live, err := config.New(c)
		if store.closed != row.closed || len(store.opened) != row.opened {
			t.Errorf("%s: opened %d times and closed %d times, want %d and %d; error %v", row.name, len(store.opened), store.closed, row.opened, row.closed, err)
		}
		if live != nil {
			live.Close()
			live.Close()
			if store.closed != 1 {
				t.Errorf("%s: closed %d times after two calls of Close, want 1", row.name, store.closed)
			}
		}
	}
	live, err := config.New(textConfig(block()))
	if err != nil {
		t.Fatal(err)
	}
	live.Close()
	if live.Revocations() != nil {
		t.Error("without the block, there is a list")
	}
}

// What the file shares cannot be replaced by the program: it would silently not apply.
func TestCompleteCannotReplaceTheStore(t *testing.T) {
	const text = ": config.Config.Complete of the program sets %s; set this key to false, or remove it there"
	revocations := "text:4: shared_state.revocations" + fmt.Sprintf(text, "Hooks.Revocations")
	proofs := "text:4: shared_state.replays" + fmt.Sprintf(text, "Credentials.DPoP.Replays")
	function := resource.RevocationFunc(func(context.Context, *resource.Caller) (bool, error) { return false, nil })
	for _, row := range []struct {
		name, line string
		complete   func(*resource.Config)
		want       string
	}{
		{"other fields", "", func(c *resource.Config) { c.Hooks, c.Credentials.DPoP = resource.Hooks{}, resource.DPoP{} }, ""},
		{"a function", "", func(c *resource.Config) { c.Hooks.Revocations = function }, revocations},
		{"a function instead", "revocations: false", func(c *resource.Config) { c.Hooks.Revocations = function }, ""},
		{"other proofs", "", func(c *resource.Config) { c.Credentials.DPoP.Replays = noReplays{} }, proofs},
		{"other proofs instead", "replays: false", func(c *resource.Config) { c.Credentials.DPoP.Replays = noReplays{} }, ""},
	} {
		c := new(memory).config(block(shared(row.line), "  dpop: accepted"))
		c.Complete = row.complete
		if got := mistakesOf(t, c); got != row.want {
			t.Errorf("%s:\n got %s\nwant %s", row.name, got, row.want)
		}
	}
}

// The environment can set the block. Keys in it, and those and passwords in files, are not printed.
func TestSharedStateFromTheEnvironment(t *testing.T) {
	const json = `{"addresses": ["a:1"], "keys": ["` + sharedKey + `"], "mode": "cluster", "replays": false}`
	store := new(memory)
	c := store.config(block(), "AUTHORIZATION__SHARED_STATE="+json)
	if got := mistakesOf(t, c); got != "" || !slices.Equal(store.opened[0].Addresses, []string{"a:1"}) || store.opened[0].Mode != "cluster" {
		t.Errorf("%s %+v", got, store.opened)
	}
	settings, err := config.Read(c)
	if err != nil || string(settings.SharedState.Keys[0]) != sharedKey {
		t.Fatalf("%v %v", settings.SharedState, err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, value := range []any{*settings.SharedState, settings, &settings} {
			if printed := fmt.Sprintf(verb, value); strings.Contains(printed, sharedKey) || strings.Contains(printed, fmt.Sprintf("%x", sharedKey)) || !strings.Contains(printed, "[redacted]") {
				t.Errorf("%s prints %s", verb, printed)
			}
		}
	}
}

func TestErrorsOfSharedStateContainNoSecrets(t *testing.T) {
	const secret = "S3cr3t-password-or-key"
	dir := t.TempDir()
	file := write(t, dir, "secret", secret)
	for _, lines := range []string{
		strings.Replace(shared(), sharedKey, secret, 1),
		strings.Replace(shared(), "["+sharedKey+"]", "{"+secret+": x}", 1),
		strings.Replace(shared(), "keys: ["+sharedKey+"]", "key_files: ["+file+"]", 1),
		shared("username: " + secret),
		shared("password_file: "+write(t, dir, "lines", secret+"\n"+secret), "username: u"),
		shared("password_file: "+file, "prefix: "+secret, "mode: "+secret),
		shared("password_file: " + secret),
	} {
		got := mistakesOf(t, new(memory).config(block(lines)))
		if lines != shared("username: "+secret) && lines != shared("password_file: "+secret) && (got == "" || strings.Contains(got, secret)) {
			t.Errorf("%s\n got %q, want a mistake without the secret", lines, got)
		}
	}
	c := new(memory).config(block(shared("password_file: " + file)))
	c.OpenStore = func(s config.StoreSettings) (config.Stores, error) {
		return config.Stores{}, errors.New("the password " + secret + " and the key " + sharedKey + " are wrong")
	}
	if got := mistakesOf(t, c); got != "text:4: shared_state: the password [redacted] and the key [redacted] are wrong" {
		t.Errorf("got %s", got)
	}
}
