package heldtoken_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/heldtoken"
)

func TestTokenCannotBePrinted(t *testing.T) {
	const secret = "s3cret-token"
	token := heldtoken.New(secret)
	if got := heldtoken.Raw(token); got != secret {
		t.Fatalf("got %q from Raw, want %q", got, secret)
	}
	hidden := struct{ token heldtoken.Token }{token}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
		fmt.Fprintf(&out, verb+"\n", token)
		fmt.Fprintf(&out, verb+"\n", &token)
		fmt.Fprintf(&out, verb+"\n", []heldtoken.Token{token})
		fmt.Fprintf(&out, verb+"\n", hidden)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "token", token, "in", map[string]any{"token": token}, "hidden", hidden)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "token", token, "hidden", hidden)
	encoded, err := json.Marshal(map[string]any{"token": token})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(encoded)
	hex := fmt.Sprintf("%x", secret)
	if text := out.String(); strings.Contains(text, secret) || strings.Contains(text, hex) || !strings.Contains(text, "[redacted token]") {
		t.Errorf("the output has the token, or no placeholder: %s", text)
	}
}

func TestZeroTokenHasNoText(t *testing.T) {
	var none heldtoken.Token
	if !none.IsZero() || heldtoken.Raw(none) != "" || heldtoken.New("x").IsZero() {
		t.Error("the zero value has a token, or another one has none")
	}
}
