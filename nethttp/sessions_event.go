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

// eventScanner finds the ends of the events in a stream, which may be written in pieces of any
// size.
type eventScanner struct {
	cr      bool // the previous byte was a carriage return
	inLine  bool // the current line is not empty
	inEvent bool // the current event has a line
}

// next returns the number of bytes in p up to the end of the current event. If the event does
// not end in p, it returns the length of p.
func (e *eventScanner) next(p []byte) (n int, complete bool) {
	for i, c := range p {
		endsCRLF := e.cr && c == '\n' // the line ended at the carriage return
		e.cr = c == '\r'
		switch {
		case endsCRLF:
		case c != '\r' && c != '\n':
			e.inLine, e.inEvent = true, true
		case e.inLine:
			e.inLine = false
		case e.inEvent:
			e.inEvent = false
			if e.cr && bytes.HasPrefix(p[i+1:], []byte("\n")) {
				e.cr = false
				i++
			}
			return i + 1, true
		}
	}
	return len(p), false
}

// skip reads all of p.
func (e *eventScanner) skip(p []byte) {
	for len(p) > 0 {
		n, _ := e.next(p)
		p = p[n:]
	}
}

// between reports whether everything that was read consists of whole events.
func (e *eventScanner) between() bool { return !e.inEvent }

// eventData returns the data of an event.
func eventData(event []byte) []byte {
	var data [][]byte
	for part := range bytes.SplitSeq(event, []byte("\n")) {
		for line := range bytes.SplitSeq(part, []byte("\r")) {
			if value, ok := bytes.CutPrefix(line, []byte("data:")); ok {
				data = append(data, bytes.TrimPrefix(value, []byte(" ")))
			}
		}
	}
	return bytes.Join(data, []byte("\n"))
}
