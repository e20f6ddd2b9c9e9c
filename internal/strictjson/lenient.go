package strictjson

import "github.com/go-json-experiment/json/jsontext"

// LenientMembers returns the values of all members with this name, spelled exactly, in a
// document that [Object] or [Envelope] can reject. It tolerates duplicate names, invalid
// Unicode and broken escapes in strings, and nesting of any depth. It returns nil if the
// syntax of the document is otherwise not that of one JSON object.
//
// Use it only to describe why a document was rejected, or to classify messages of this server.
// Do not grant anything because of its result.
func LenientMembers(data []byte, name string) (values []jsontext.Value) {
	s := scanner{data: data, opaque: true, lenient: true}
	if s.peek() != '{' || s.open() != nil {
		return nil
	}
	for first := true; ; first = false {
		more, err := s.more(first, '}')
		if err == nil && !more {
			break
		}
		if err != nil || s.peek() != '"' {
			return nil
		}
		raw, _, err := s.text()
		if err != nil || !s.skipByte(':') {
			return nil
		}
		value, err := s.value()
		if err != nil {
			return nil
		}
		if text, err := String(raw); err == nil && text == name {
			values = append(values, value)
		}
	}
	if s.end(nil) != nil {
		return nil
	}
	return values
}
