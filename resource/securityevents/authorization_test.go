package securityevents_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
	"github.com/warder-go/warder/resource/securityevents"
)

const (
	secret      = "Bearer 7c1d0b0a8f"
	missingBody = `{"err":"authentication_failed","description":"The request has no Authorization header field, or several"}`
	wrongBody   = `{"err":"authentication_failed","description":"The Authorization header field is not the one that this receiver expects"}`
)

func (f *fixture) authorize(values ...string) answer {
	f.t.Helper()
	req := resourcetest.PushRequest(context.Background(), endpoint, f.issuer.SecurityEvent(resourcetest.SecurityEvent{}), "")
	req.Header["Authorization"] = values
	return f.send(req)
}

// The value of Authorization must be the configured one (SSF 1.0 §6.1.1, authorization_header).
func TestAuthorization(t *testing.T) {
	f := newFixture(t, func(c *securityevents.Config) { c.Authorization = secret })
	for _, row := range []struct {
		name      string
		values    []string
		status    int
		challenge string
		body      string
	}{
		{"right", []string{secret}, 202, "", ""},
		{"none", nil, 401, "Bearer", missingBody},
		{"empty", []string{""}, 401, "Bearer", missingBody},
		{"twice", []string{secret, secret}, 401, "Bearer", missingBody},
		{"wrong", []string{"Bearer 7c1d0b0a8e"}, 401, `Bearer error="invalid_token"`, wrongBody},
		{"longer", []string{secret + "0"}, 401, `Bearer error="invalid_token"`, wrongBody},
		{"shorter", []string{strings.TrimSuffix(secret, "f")}, 401, `Bearer error="invalid_token"`, wrongBody},
		{"scheme in another case", []string{strings.ToLower(secret)}, 401, `Bearer error="invalid_token"`, wrongBody},
	} {
		got := f.authorize(row.values...)
		if got.status != row.status || got.body != row.body || got.header.Get("WWW-Authenticate") != row.challenge {
			t.Errorf("%s: got %d %q %s", row.name, got.status, got.header.Get("WWW-Authenticate"), got.body)
		}
		if entries := f.store.take(); (len(entries) > 0) != (row.status == 202) {
			t.Errorf("%s: entries %v", row.name, entries)
		}
		checkBody(t, row.name, got)
	}
	if log := f.log.take(); strings.Contains(log, "7c1d0b0a8") || !strings.Contains(log, "result=authorization_wrong") {
		t.Errorf("log: %s", log)
	}
}

// Without the setting, the signature alone is checked.
func TestAuthorizationIsOptional(t *testing.T) {
	f := newFixture(t, nil)
	if got := f.authorize("Bearer anything"); got.status != 202 {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

// Authorization is checked before the body is read and before keys are fetched.
func TestAuthorizationIsFirst(t *testing.T) {
	f := newFixture(t, func(c *securityevents.Config) { c.Authorization = secret })
	req := resourcetest.PushRequest(context.Background(), endpoint, "", "")
	req.Header.Set("Content-Type", "text/plain")
	read := false
	req.Body, req.ContentLength = bodyFunc(func() { read = true }), -1
	if got := f.send(req); got.status != 401 || read {
		t.Errorf("got %d, body read: %v", got.status, read)
	}
	f.authorize("Bearer junk")
	if n := f.issuer.Count(resourcetest.Any); n != 0 {
		t.Errorf("%d requests to the issuer", n)
	}
}

type bodyFunc func()

func (f bodyFunc) Read([]byte) (int, error) { f(); return 0, os.ErrClosed }
func (bodyFunc) Close() error               { return nil }

// A file is read again, but not for every request. Without the file, nothing is accepted.
func TestAuthorizationFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "authorization")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	issuer := newIssuer(t)
	synctest.Test(t, func(t *testing.T) {
		f := newFixtureOf(t, issuer, func(c *securityevents.Config) { c.AuthorizationFile = path })
		got := f.authorize("Bearer one")
		if got.status != 503 || got.header.Get("Retry-After") != "1" || got.body != "" {
			t.Errorf("no file: got %d %v %s", got.status, got.header, got.body)
		}
		if log := f.log.take(); !strings.Contains(log, "result=authorization_unavailable") || !strings.Contains(log, path) {
			t.Errorf("no file: log %s", log)
		}
		write("Bearer one\n")
		if got := f.authorize("Bearer one"); got.status != 503 {
			t.Errorf("read again at once: %d", got.status)
		}
		time.Sleep(time.Second)
		if got := f.authorize("Bearer one"); got.status != 202 {
			t.Errorf("the file exists: got %d %s", got.status, got.body)
		}
		write("Bearer two")
		if got := f.authorize("Bearer two"); got.status != 401 {
			t.Errorf("read again at once: %d", got.status)
		}
		time.Sleep(time.Second)
		if old, rotated := f.authorize("Bearer one"), f.authorize("Bearer two"); old.status != 401 || rotated.status != 202 {
			t.Errorf("rotated: old %d, new %d", old.status, rotated.status)
		}
		write("")
		time.Sleep(time.Second)
		if empty, old := f.authorize(""), f.authorize("Bearer two"); empty.status != 401 || old.status != 503 {
			t.Errorf("empty file: %d and %d", empty.status, old.status)
		}
	})
}
