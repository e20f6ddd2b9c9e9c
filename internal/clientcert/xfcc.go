package clientcert

import (
	"encoding/hex"
	"strings"
)

// parseXFCC reads FormatXFCC:
//
//	element = pair *( ";" pair )
//	pair    = key "=" ( plain / quoted )
//	plain   = *( visible ASCII except "," ";" DQUOTE and "\" )
//	quoted  = DQUOTE *( character except DQUOTE, "\" and controls / "\" character ) DQUOTE
//
// The keys are those of the documentation of Envoy, in upper or lower case. Envoy writes names from
// the certificate of the client without quotes into URI and DNS. Such a name can therefore contain
// text such as ";Hash=". Hash and Cert are before these keys, so the result is a duplicate key or a
// second element, and both are rejected.
func parseXFCC(value string) (Thumbprint, error) {
	seen := map[string]string{} // the values of keys that occur once
	for rest := value; ; {
		key, text, ok := strings.Cut(rest, "=")
		if !ok {
			return Thumbprint{}, malformed("has a pair without a value")
		}
		text, rest, ok = cutXFCCValue(text)
		if !ok {
			return Thumbprint{}, malformed("has an invalid value")
		}
		switch key = strings.ToLower(key); key {
		case "by", "uri", "dns": // one for each name in the certificate
		case "hash", "cert", "chain", "subject":
			if _, duplicate := seen[key]; duplicate {
				return Thumbprint{}, malformed("has a duplicate key")
			}
			seen[key] = text
		default:
			return Thumbprint{}, malformed("has an unknown key")
		}
		switch {
		case rest == "":
			return ofElement(seen)
		case rest[0] == ',':
			return Thumbprint{}, malformed("has more than one element; want forward_client_cert_details: SANITIZE_SET")
		case rest[0] != ';':
			return Thumbprint{}, malformed("has text after a quoted value")
		}
		rest = rest[1:]
	}
}

// cutXFCCValue returns the value at the beginning of text and what follows it. It does not remove
// backslashes: Hash and Cert have none.
func cutXFCCValue(text string) (value, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, ";,")
		if end < 0 {
			end = len(text)
		}
		value, rest = text[:end], text[end:]
		return value, rest, strings.IndexFunc(value, isNotPlain) < 0
	}
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return text[1:i], text[i+1:], true
		case c == '\\':
			i++ // the next character is not the end
			if i < len(text) && isControl(text[i]) {
				return "", "", false
			}
		case isControl(c):
			return "", "", false
		}
	}
	return "", "", false
}

func isNotPlain(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }

func isControl(c byte) bool { return c < ' ' || c == 0x7f }

// ofElement returns the thumbprint of Hash and Cert, which must agree if both are present.
func ofElement(values map[string]string) (Thumbprint, error) {
	digest, hasHash := values["hash"]
	cert, hasCert := values["cert"]
	if !hasHash && !hasCert {
		return Thumbprint{}, malformed("has neither Hash nor Cert")
	}
	var fromHash, fromCert Thumbprint
	if hasHash {
		if len(digest) != hex.EncodedLen(len(fromHash)) {
			return Thumbprint{}, malformed("has a Hash that is not a SHA-256 digest in hexadecimal")
		}
		if _, err := hex.Decode(fromHash[:], []byte(digest)); err != nil {
			return Thumbprint{}, malformed("has a Hash that is not a SHA-256 digest in hexadecimal")
		}
	}
	if hasCert {
		var err error
		if fromCert, err = parseEscapedPEM(cert); err != nil {
			return Thumbprint{}, err
		}
		if hasHash && !fromCert.Equal(fromHash) {
			return Thumbprint{}, malformed("has a Hash that is not that of Cert")
		}
		return fromCert, nil
	}
	return fromHash, nil
}
