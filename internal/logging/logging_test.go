package logging_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/logging"
)

func TestOrDefault(t *testing.T) {
	own := slog.New(slog.DiscardHandler)
	if got := logging.OrDefault(own); got != own {
		t.Error("a configured logger is not used")
	}
	before := slog.Default()
	defer slog.SetDefault(before)
	slog.SetDefault(own)
	if got := logging.OrDefault(nil); got != own {
		t.Error("a default logger that was set later is not used")
	}
}

func TestPrintable(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"plain text", "mcp:read für alle", "mcp:read für alle"},
		{"control characters", "a\nb\x00c\x1b[31m", "a?b?c?[31m"},
		{"invisible characters", "a\u200bb\u202ec", "a?b?c"},
		{"invalid UTF-8", "a\xffb", "a?b"},
		{"256 bytes", strings.Repeat("a", 256), strings.Repeat("a", 256)},
		{"more than 256 bytes", strings.Repeat("a", 257), strings.Repeat("a", 256) + "..."},
	} {
		if got := logging.Printable(row.text); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}
