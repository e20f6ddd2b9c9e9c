package main

import (
	"io"
	"os"
)

// palette writes text in colours, or unchanged if colour is false.
type palette struct{ colour bool }

// paletteFor returns a palette with colours if w is a terminal and the environment variable NO_COLOR
// is empty (no-color.org).
func paletteFor(w io.Writer) palette {
	file, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return palette{}
	}
	info, err := file.Stat()
	return palette{err == nil && info.Mode()&os.ModeCharDevice != 0}
}

// Codes of colours in terminals (ECMA-48, SGR).
const (
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
	grey   = "90"
)

func (p palette) in(code, text string) string {
	if !p.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
