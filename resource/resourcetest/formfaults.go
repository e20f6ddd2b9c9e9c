package resourcetest

import (
	"encoding/base64"
	"strings"
)

// formFaults are faults of the serialization (RFC 9449 section 4.3, checks 1 and 2). It is never
// modified.
var formFaults = []proofFault{
	{name: "empty", draft: finish(func(string) string { return "" })},
	{name: "not a JWT", draft: finish(func(string) string { return "proof" })},
	{name: "two segments", draft: finish(func(proof string) string { return proof[:strings.LastIndex(proof, ".")] })},
	{name: "a fourth segment", draft: finish(func(proof string) string { return proof + ".e30" })},
	{name: "an empty fourth segment", draft: finish(func(proof string) string { return proof + "." })},
	{name: "an empty first segment", draft: finish(func(proof string) string { return "." + proof })},
	{name: "two proofs in one field", draft: finish(func(proof string) string { return proof + ", " + proof })},
	{name: "a scheme before the proof", draft: finish(func(proof string) string { return "DPoP " + proof })},
	{name: "JSON serialization", draft: finish(func(proof string) string { // RFC 7515 section 7.2.2
		parts := strings.Split(proof, ".")
		return string(object{{"payload", parts[1]}, {"protected", parts[0]}, {"signature", parts[2]}}.encode())
	})},
	{name: "white space in a segment", draft: finish(func(proof string) string {
		i := strings.Index(proof, ".") + 5
		return proof[:i] + " " + proof[i:]
	})},
	{name: "truncated header", draft: raw(0, half)},
	{name: "truncated payload", draft: raw(1, half)},
	{name: "padded header", draft: padded(0)},
	{name: "padded payload", draft: padded(1)},
	{name: "padded signature", draft: finish(func(proof string) string { return proof + "=" })},
	{name: "payload in the standard alphabet of base64", draft: func(d *draft) {
		claim("padding", "?????")(d) // encoded as Pz8/, whatever its offset is
		d.encode = encodeSegment(1, base64.RawStdEncoding.EncodeToString)
	}},
	{name: "header not an object", draft: raw(0, constant("[]"))},
	{name: "header not JSON", draft: raw(0, constant("typ=dpop+jwt"))},
	{name: "header empty", draft: raw(0, constant(""))},
	{name: "payload array", draft: raw(1, func(claims string) string { return "[" + claims + "]" })},
	{name: "payload string", draft: raw(1, func(claims string) string { return encode(claims) })},
	{name: "payload null", draft: raw(1, constant("null"))},
	{name: "payload empty", draft: raw(1, constant(""))},
	{name: "payload empty object", draft: raw(1, constant("{}"))},
	{name: "payload followed by an object", draft: raw(1, func(claims string) string { return claims + "{}" })},
	{name: "payload with a byte order mark", draft: raw(1, func(claims string) string { return "\xef\xbb\xbf" + claims })},
	{name: "payload not UTF-8", draft: claim("note", Raw("\"\xff\""))},
	{name: "payload a nested JWT", draft: raw(1, constant("e30.e30."))},
	{name: "too large", draft: claim("padding", strings.Repeat("x", 9<<10))},
}

// finish changes the complete proof.
func finish(change func(proof string) string) func(*draft) {
	return func(d *draft) { d.finish = change }
}

// encodeSegment changes the encoding of one segment.
func encodeSegment(changed int, change func([]byte) string) func(int, []byte) string {
	return func(segment int, content []byte) string {
		if segment == changed {
			return change(content)
		}
		return base64url(segment, content)
	}
}

// padded encodes one segment with padding, which RFC 7515 section 2 forbids. It appends white
// space to the JSON text if there would be no padding.
func padded(segment int) func(*draft) {
	return func(d *draft) {
		d.encode = encodeSegment(segment, func(content []byte) string {
			if len(content)%3 == 0 {
				content = append(content, ' ')
			}
			return base64.URLEncoding.EncodeToString(content)
		})
	}
}

// raw changes the JSON text of one segment. The signature covers the changed text.
func raw(segment int, change func(text string) string) func(*draft) {
	return func(d *draft) {
		d.encode = encodeSegment(segment, func(content []byte) string { return base64url(segment, []byte(change(string(content)))) })
	}
}

func constant(text string) func(string) string { return func(string) string { return text } }

func half(text string) string { return text[:len(text)/2] }
