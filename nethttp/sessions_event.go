package nethttp

import (
	"bytes"
	"strings"
)

// maxFirstEvent limits how many bytes of a stream are searched for its first event. An
// endpoint event contains a short URL.
const maxFirstEvent = 8 << 10

// firstEvent parses the first event of an event stream (HTML, "Parsing an event stream"). The
// stream may be written in pieces of any size. An event without data is ignored, as the
// specification requires.
type firstEvent struct {
	line     []byte // current line
	cr       bool   // the previous byte was a carriage return
	notFirst bool   // the current line is not the first line of the stream
	size     int    // bytes read
	name     string
	data     []string
}

// read parses the next piece of the stream. It returns the event and done when the event is
// complete. If there is no event within maxFirstEvent bytes, it returns done without one.
func (e *firstEvent) read(p []byte) (name, data string, done bool) {
	for _, c := range p {
		if e.size++; e.size > maxFirstEvent {
			return "", "", true
		}
		endsCRLF := e.cr && c == '\n' // the line ended at the carriage return
		e.cr = c == '\r'
		switch {
		case endsCRLF:
		case c != '\r' && c != '\n':
			e.line = append(e.line, c)
		case e.endLine():
			return e.name, strings.Join(e.data, "\n"), true
		}
	}
	return "", "", false
}

// endLine parses the current line, and reports whether it completes an event. That is an
// empty line after data.
func (e *firstEvent) endLine() (complete bool) {
	line := e.line
	if !e.notFirst {
		line = bytes.TrimPrefix(line, []byte("\uFEFF"))
	}
	e.line, e.notFirst = e.line[:0], true
	if len(line) == 0 {
		if e.data == nil {
			e.name = ""
		}
		return e.data != nil
	}
	field, value, _ := strings.Cut(string(line), ":")
	value = strings.TrimPrefix(value, " ")
	switch field {
	case "event":
		e.name = value
	case "data":
		e.data = append(e.data, value)
	}
	return false
}
