package drill_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
	"github.com/warder-go/warder/resource/revocation"
	"github.com/warder-go/warder/resource/valkey"
)

// What all processes have in common.
const (
	processes  = 6
	identifier = "https://mcp.example.test/mcp" // the driver sends to the processes themselves
	sharedKey  = "drill: a key of 32 characters or more"
	prefix     = "drill"

	eventsPath     = "/security-events" // of examples/server
	eventsAudience = "drill"
	eventsSecret   = "Bearer drill-security-events"
)

// settings are what scenarios can change.
type settings struct {
	window     time.Duration // dpop_window_seconds
	nonces     bool          // dpop_require_nonce
	timeout    time.Duration // timeout_milliseconds; 0: the default, 50 ms
	notShared  string        // key of shared_state that is set to false, to see what the drill reports then; empty: none
	outdated   bool          // accept_outdated_revocations, for the same purpose
	maxAge     time.Duration // max_revocation_age_seconds; 0: the default, 5 s
	store      valkey.Config // addresses, mode and password file
	introspect bool          // opaque tokens are accepted
}

// configuration returns the file of the processes.
func (s settings) configuration(issuer *resourcetest.Issuer) string {
	var b strings.Builder
	add := func(format string, arguments ...any) { fmt.Fprintf(&b, format+"\n", arguments...) }
	add("authorization:")
	add("  issuer_url: %s", issuer.Identifier())
	add("  resource_server_url: %s", identifier)
	add("  dpop_tokens: accepted")
	add("  dpop_window_seconds: %d", int(s.window/time.Second))
	add("  dpop_require_nonce: %t", s.nonces)
	if s.introspect {
		add("  client_id: %s", resourcetest.DefaultClientID)
		add("  client_secret: %s", resourcetest.DefaultClientSecret)
	}
	add("  security_events: {audience: [%s], authorization: %s}", eventsAudience, eventsSecret)
	add("  shared_state:")
	add("    addresses:")
	for _, address := range s.store.Addresses {
		add("      - %q", address)
	}
	if s.store.Mode != "" {
		add("    mode: %s", s.store.Mode)
		add("    sentinel_master: %s", s.store.SentinelMaster)
	}
	if s.store.PasswordFile != "" {
		add("    username: %s", s.store.Username)
		add("    password_file: %s", s.store.PasswordFile)
	}
	add("    prefix: %s", prefix)
	add("    keys: [%q]", sharedKey)
	if s.timeout != 0 {
		add("    timeout_milliseconds: %d", s.timeout.Milliseconds())
	}
	if s.maxAge != 0 {
		add("    max_revocation_age_seconds: %d", int(s.maxAge/time.Second))
	}
	if s.outdated {
		add("    accept_outdated_revocations: true")
	}
	if s.notShared != "" {
		add("    %s: false", s.notShared)
	}
	return b.String()
}

// A fleet is six processes of examples/server, and the driver as a seventh one, which adds revocations.
type fleet struct {
	t         *testing.T
	settings  settings
	issuer    *resourcetest.Issuer
	processes [processes]*process
	list      *revocation.List // of the driver
}

// startFleet starts all processes. It returns when all are ready.
func startFleet(t *testing.T, s settings) *fleet {
	t.Helper()
	f := &fleet{t: t, settings: s, issuer: resourcetest.Start(t, resourcetest.Config{Audience: identifier, Lifetime: tokenLifetime})}
	f.startList()
	for i := range f.processes {
		f.processes[i] = newProcess(t, i+1, s.configuration(f.issuer))
	}
	var all sync.WaitGroup
	for _, p := range f.processes {
		all.Go(func() {
			if err := p.start(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
	for _, p := range f.processes {
		f.waitReady(p)
	}
	return f
}

// startList makes the list of the driver. Its store has the settings of the processes.
func (f *fleet) startList() {
	f.t.Helper()
	log, err := os.Create(filepath.Join(f.t.TempDir(), "list"))
	if err != nil {
		f.t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(log, nil))
	c := f.settings.store
	c.Prefix, c.Timeout, c.Logger = prefix, f.settings.timeout, logger
	store, err := valkey.Open(c)
	if err != nil {
		f.t.Fatal(err)
	}
	f.list, err = revocation.New(revocation.Config{Store: store.Revocations(), Keys: [][]byte{[]byte(sharedKey)}, Logger: logger})
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { f.list.Run(ctx) })
	f.t.Cleanup(func() {
		cancel()
		running.Wait()
		store.Close()
		if f.t.Failed() {
			f.t.Logf("end of the log of the list of the driver:\n%s", lastLines(log.Name(), 15))
		}
		log.Close()
	})
}

// waitReady waits until a process reports that it is ready.
func (f *fleet) waitReady(p *process) {
	f.t.Helper()
	f.wait(fmt.Sprintf("process %d is ready", p.number), startLimit, func(ctx context.Context) bool {
		status, _, err := p.get(ctx, "/readyz")
		return err == nil && status == http.StatusOK
	})
}

// wait polls until a condition holds. It is fatal if that takes too long.
func (f *fleet) wait(what string, limit time.Duration, condition func(context.Context) bool) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), limit)
	defer cancel()
	for !condition(ctx) {
		if !pause(ctx, 20*time.Millisecond) {
			f.t.Fatalf("waited %s in vain until %s", limit, what)
		}
	}
}

// pause waits for a duration. It returns false if ctx ends before.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// discard reads a body so that its connection is used again.
func discard(body io.ReadCloser) {
	_, _ = io.Copy(io.Discard, io.LimitReader(body, 1<<20))
	body.Close()
}
