// Package logging holds what every package of this module that writes logs needs.
package logging

import (
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"
)

// OrDefault returns logger, or the current [slog.Default] if logger is nil. Call it for
// each record: a program may change its default logger after it has configured warder.
func OrDefault(logger *slog.Logger) *slog.Logger {
	if logger == nil {
		return slog.Default()
	}
	return logger
}

// maxPrintable is the limit for [Printable], in bytes of its input.
const maxPrintable = 256

// Printable makes text from a client or an upstream server safe for a log. It replaces
// control characters, invisible characters and invalid UTF-8 with "?", and cuts text
// after 256 bytes.
func Printable(text string) string {
	cut := len(text) > maxPrintable
	if cut {
		text = strings.Clone(text[:maxPrintable]) // do not keep a long text alive
	}
	text = strings.Map(func(c rune) rune {
		if c == utf8.RuneError || !unicode.IsPrint(c) {
			return '?'
		}
		return c
	}, text)
	if cut {
		text += "..."
	}
	return text
}
