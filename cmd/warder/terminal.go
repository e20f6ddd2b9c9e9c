package main

import (
	"io"
	"os"
)

// palette writes text in colors, or unchanged if colored is false.
type palette struct{ colored bool }

// paletteFor returns a palette with colors if w is a terminal that has them and the environment
// variable NO_COLOR is empty (no-color.org).
func paletteFor(w io.Writer) palette {
	file, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return palette{}
	}
	info, err := file.Stat()
	return palette{err == nil && info.Mode()&os.ModeCharDevice != 0}
}

// Codes of colors in terminals (ECMA-48, SGR).
const (
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
	grey   = "90"
)

// printReport prints a report as text for people, or as JSON.
func printReport(out io.Writer, asJSON bool, text func(palette) string, encode func() ([]byte, error)) error {
	if !asJSON {
		_, err := io.WriteString(out, text(paletteFor(out)))
		return err
	}
	body, err := encode()
	if err == nil {
		_, err = out.Write(append(body, '\n'))
	}
	return err
}

func (p palette) in(code, text string) string {
	if !p.colored {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
