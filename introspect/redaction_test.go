package introspect_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/warder-go/warder/introspect"
)

// A printed, logged or encoded configuration contains no secret.
func TestPrintedConfigHasNoSecrets(t *testing.T) {
	const secret = "correct-horse-battery-staple"
	auth := introspect.ClientAuth{ClientID: "mcp", ClientSecret: secret, BearerToken: secret}
	config := introspect.Config{Issuer: "https://auth.example.test", Auth: auth}
	var written bytes.Buffer
	type program struct {
		Introspection introspect.Config
		All           map[string]*introspect.Config
	}
	for _, v := range []any{auth, &auth, config, &config, []introspect.ClientAuth{auth}, program{config, map[string]*introspect.Config{"x": &config}}} {
		fmt.Fprintf(&written, "%v %+v %#v %s %q %x\n", v, v, v, v, v, v)
		slog.New(slog.NewTextHandler(&written, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&written, nil)).Info("x", "v", v)
		encoded, _ := json.Marshal(v)
		written.Write(encoded)
	}
	for _, form := range []string{secret, fmt.Sprintf("%x", secret)} {
		if strings.Contains(written.String(), form) {
			t.Errorf("the secret was written:\n%s", &written)
		}
	}
}
