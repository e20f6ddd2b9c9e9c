package handles_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/handles"
)

// issuerOf is a verifier that accepts every token. The token, up to a tilde, is the subject.
type issuerOf string

func (i issuerOf) Issuer() string { return string(i) }

func (i issuerOf) Verify(_ context.Context, token *resource.Token) (*resource.Claims, error) {
	subject, _, _ := strings.Cut(token.Raw(), "~")
	return &resource.Claims{Issuer: string(i), Subject: subject, Audience: []string{identifier}}, nil
}

// callerOf returns the caller of a request with the token.
func callerOf(t testing.TB, issuer, token string) *resource.Caller {
	t.Helper()
	res, err := resource.New(resource.Config{Identifier: identifier, Opaque: &resource.Issuer{Verifier: issuerOf(issuer)}})
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest(http.MethodPost, identifier, nil)
	req.Header.Set("Authorization", "Bearer "+token)
	decision, refusal := res.Authenticate(req)
	if refusal != nil {
		t.Fatal(refusal.Reason)
	}
	return decision.Caller
}

const oneIssuer, otherIssuer = "https://one.example.test", "https://other.example.test"

func newHandles(t testing.TB, purpose string, keys ...byte) *handles.Binder {
	t.Helper()
	c := handles.Config{Purpose: purpose}
	for _, key := range keys {
		c.Keys = append(c.Keys, bytes.Repeat([]byte{key}, 32))
	}
	h, err := handles.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func bind(t testing.TB, h *handles.Binder, c *resource.Caller, handle string) string {
	t.Helper()
	bound, err := h.Bind(c, handle)
	if err != nil {
		t.Fatal(err)
	}
	return bound
}

// MCP 2026-07-28, security best practices: state handles are bound to the principal,
// not to token bytes.
func TestHandlesAreBoundToPrincipal(t *testing.T) {
	alice, h := callerOf(t, oneIssuer, "alice"), newHandles(t, "task", 1)
	bound := bind(t, h, alice, "task-42")
	for _, row := range []struct {
		name string
		h    *handles.Binder
		c    *resource.Caller
		ok   bool
	}{
		{"the same caller", h, alice, true},
		{"the same principal, another token", h, callerOf(t, oneIssuer, "alice~refreshed"), true},
		{"another process with the same keys", newHandles(t, "task", 1), alice, true},
		{"a new key in front", newHandles(t, "task", 2, 1), alice, true},
		{"seven newer keys", newHandles(t, "task", 9, 8, 7, 6, 5, 4, 3, 1), alice, true},
		{"the key removed", newHandles(t, "task", 2), alice, false},
		{"another subject", h, callerOf(t, oneIssuer, "bob"), false},
		{"the same subject of another issuer", h, callerOf(t, otherIssuer, "alice"), false},
		{"another purpose", newHandles(t, "requestState", 1), alice, false},
		{"a purpose with the same prefix", newHandles(t, "tas", 1), alice, false},
		{"nil caller", h, nil, false},
		{"zero Caller", h, new(resource.Caller), false},
		{"a caller decoded from JSON", h, decoded(t, alice), false},
		{"zero value", new(handles.Binder), alice, false},
		{"nil binder", nil, alice, false},
	} {
		got, err := row.h.Open(row.c, bound)
		switch {
		case row.ok && (err != nil || got != "task-42"):
			t.Errorf("%s: got %q, %v", row.name, got, err)
		case !row.ok && (got != "" || !isErrInvalid(err)):
			t.Errorf("%s: got %q, %v, want ErrInvalid", row.name, got, err)
		}
	}
	if got, err := newHandles(t, "task", 2).Open(alice, bind(t, newHandles(t, "task", 2, 1), alice, "new")); got != "new" || err != nil {
		t.Errorf("sealed with the first of two keys: got %q, %v", got, err)
	}
	if got, err := h.Open(alice, bind(t, h, decoded(t, alice), "late")); got != "late" || err != nil {
		t.Errorf("bound for a caller decoded from JSON: got %q, %v", got, err)
	}
}

// isErrInvalid reports whether err is ErrInvalid and has no further text.
func isErrInvalid(err error) bool {
	return errors.Is(err, handles.ErrInvalid) && err.Error() == "handles: the handle is not valid"
}

func decoded(t testing.TB, c *resource.Caller) *resource.Caller {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	out := new(resource.Caller)
	if err := json.Unmarshal(text, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTamperedHandles(t *testing.T) {
	alice, h := callerOf(t, oneIssuer, "alice"), newHandles(t, "task", 1, 2)
	bound := bind(t, h, alice, "task-42")
	sealed, err := base64.RawURLEncoding.DecodeString(bound)
	if err != nil {
		t.Fatal(err)
	}
	expectInvalid := func(what, text string) {
		t.Helper()
		if got, err := h.Open(alice, text); got != "" || !isErrInvalid(err) {
			t.Errorf("%s: got %q, %v", what, got, err)
		}
	}
	for i := range sealed {
		for bit := range 8 {
			changed := bytes.Clone(sealed)
			changed[i] ^= 1 << bit
			expectInvalid(fmt.Sprintf("byte %d, bit %d", i, bit), base64.RawURLEncoding.EncodeToString(changed))
		}
		expectInvalid(fmt.Sprintf("%d bytes", i), base64.RawURLEncoding.EncodeToString(sealed[:i]))
	}
	for i := range bound { // including unused trailing bits
		for _, c := range []byte("AB_-+/=. \r\n\x00") {
			if bound[i] != c {
				expectInvalid(fmt.Sprintf("character %d as %q", i, c), bound[:i]+string(c)+bound[i+1:])
			}
			expectInvalid(fmt.Sprintf("%q before character %d", c, i), bound[:i]+string(c)+bound[i:])
		}
	}
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
		if last := len(bound) - 1; c != bound[last] { // two bits of it are unused
			expectInvalid(fmt.Sprintf("last character as %q", c), bound[:last]+string(c))
		}
	}
	expectInvalid("empty", "")
	expectInvalid("padded", bound+"=")
	expectInvalid("with a line break", bound+"\n")
	expectInvalid("repeated", bound+bound)
	expectInvalid("the handle itself", "task-42")
	expectInvalid("oversized", strings.Repeat("A", 1<<20))
}

func TestHandleSizes(t *testing.T) {
	alice, h := callerOf(t, oneIssuer, "alice"), newHandles(t, "task", 1)
	for _, size := range []int{1, 2, 3, 1000, (16 << 10)} {
		handle := strings.Repeat("\xff", size) // any bytes
		bound := bind(t, h, alice, handle)
		if got, err := h.Open(alice, bound); got != handle || err != nil {
			t.Errorf("%d bytes: got %d, %v", size, len(got), err)
		}
		if maxBytes := size*4/3 + 51; len(bound) > maxBytes {
			t.Errorf("%d bytes became %d, want at most %d", size, len(bound), maxBytes)
		}
		if strings.Trim(bound, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Errorf("not base64url: %q", bound)
		}
	}
	for _, row := range []struct {
		name, handle string
		h            *handles.Binder
		c            *resource.Caller
		want         string
	}{
		{"empty", "", h, alice, "handles: binding a handle of 0 bytes, not 1 to 16384"},
		{"too long", strings.Repeat("a", (16<<10)+1), h, alice, "handles: binding a handle of 16385 bytes, not 1 to 16384"},
		{"nil caller", "a", h, nil, "handles: binding a handle without a caller"},
		{"zero Caller", "a", h, new(resource.Caller), "handles: binding a handle without a caller"},
		{"zero value", "a", new(handles.Binder), alice, "handles: the binder was not made by New"},
		{"nil binder", "a", nil, alice, "handles: the binder was not made by New"},
	} {
		if got, err := row.h.Bind(row.c, row.handle); got != "" || fmt.Sprint(err) != row.want {
			t.Errorf("%s:\n got %q, %v\nwant %s", row.name, got, err, row.want)
		}
	}
}

func TestHandleLifetime(t *testing.T) {
	for _, row := range []struct{ configured, lifetime time.Duration }{
		{0, time.Hour}, {time.Second, time.Second}, {30 * 24 * time.Hour, 30 * 24 * time.Hour},
	} {
		synctest.Test(t, func(t *testing.T) {
			h, err := handles.New(handles.Config{Purpose: "task", Keys: [][]byte{make([]byte, 32)}, Lifetime: row.configured})
			if err != nil {
				t.Fatal(err)
			}
			alice := callerOf(t, oneIssuer, "alice")
			bound := bind(t, h, alice, "task-42")
			time.Sleep(row.lifetime - time.Millisecond)
			if got, err := h.Open(alice, bound); got != "task-42" || err != nil {
				t.Errorf("%s, one millisecond before the end: got %q, %v", row.lifetime, got, err)
			}
			time.Sleep(time.Millisecond)
			if got, err := h.Open(alice, bound); got != "" || !isErrInvalid(err) {
				t.Errorf("%s, at the end: got %q, %v", row.lifetime, got, err)
			}
		})
	}
}

const identifier = "https://mcp.example.test/mcp"
