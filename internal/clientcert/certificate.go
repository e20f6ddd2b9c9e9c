package clientcert

import (
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"strings"
)

const (
	beginPEM = "-----BEGIN CERTIFICATE-----\n"
	endPEM   = "\n-----END CERTIFICATE-----"
)

// parseByteSequence reads FormatRFC9440 (RFC 9440 §2.1, RFC 8941 §3.3.5). It accepts one Byte
// Sequence without parameters. RFC 8941 §4.2.7 allows receivers to accept base64 without padding or
// with unused bits, but no sender may write it (RFC 8941 §4.1.8), so it is rejected.
func parseByteSequence(value string) (Thumbprint, error) {
	body, opened := strings.CutPrefix(value, ":")
	body, closed := strings.CutSuffix(body, ":")
	if !opened || !closed {
		return Thumbprint{}, malformed("is not one Byte Sequence")
	}
	return parseBase64(body)
}

// parseEscapedPEM reads FormatPEM.
func parseEscapedPEM(value string) (Thumbprint, error) {
	text, ok := unescape(value)
	if !ok {
		return Thumbprint{}, malformed("is not percent-encoded")
	}
	return parsePEM(text)
}

// parsePEM reads one block (RFC 7468 §5.1). Only white space can be before and after it. The lines
// can have any length. pem.Decode would skip other text, and accept header lines.
func parsePEM(text string) (Thumbprint, error) {
	body, begins := strings.CutPrefix(strings.ReplaceAll(strings.Trim(text, " \t\r\n"), "\r\n", "\n"), beginPEM)
	body, ends := strings.CutSuffix(body, endPEM)
	if !begins || !ends {
		return Thumbprint{}, malformed("is not one PEM block CERTIFICATE")
	}
	return parseBase64(strings.ReplaceAll(body, "\n", ""))
}

// unescape decodes percent-encoding once (RFC 3986 §2.1). A plus sign stands for itself, as in
// base64. Other characters than those of a URI and of base64 must be encoded.
func unescape(value string) (text string, ok bool) {
	var b strings.Builder
	b.Grow(len(value))
	for i := 0; i < len(value); i++ {
		c := value[i]
		if c == '%' {
			if i+2 >= len(value) {
				return "", false
			}
			high, ok1 := hexDigit(value[i+1])
			low, ok2 := hexDigit(value[i+2])
			if !ok1 || !ok2 {
				return "", false
			}
			c, i = high<<4|low, i+2
		} else if !isLiteral(c) {
			return "", false
		}
		b.WriteByte(c)
	}
	return b.String(), true
}

// isLiteral reports whether a character can be without encoding: unreserved characters (RFC 3986
// §2.3) and the other characters of base64.
func isLiteral(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~+/=", c) >= 0
}

func hexDigit(c byte) (value byte, ok bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// parseBase64 reads a certificate in canonical base64 (RFC 4648 §4).
func parseBase64(text string) (Thumbprint, error) {
	der, err := base64.StdEncoding.Strict().DecodeString(text)
	// The decoder skips line breaks, so the length is a part of the check.
	if err != nil || base64.StdEncoding.EncodedLen(len(der)) != len(text) {
		return Thumbprint{}, malformed("is not canonical base64")
	}
	if !isCertificate(der) {
		return Thumbprint{}, malformed("is not one certificate in DER")
	}
	return sha256.Sum256(der), nil
}

// isCertificate reports whether der has the outer structure of a certificate (RFC 5280 §4.1) and
// nothing after it. A private key, a public key, PKCS #7 and a chain do not have this structure.
//
// The certificate is not parsed. The thumbprint is the digest of its bytes, whatever they mean,
// and the proxy has parsed it during the handshake. Parsing it again would add the risks of RFC 8705
// §7.5 for certificates that clients write themselves, and would reject certificates that the proxy
// accepts.
func isCertificate(der []byte) bool {
	var outer struct {
		Certificate, Algorithm asn1.RawValue
		Signature              asn1.BitString
	}
	rest, err := asn1.Unmarshal(der, &outer)
	return err == nil && len(rest) == 0 && isSequence(outer.Certificate) && isSequence(outer.Algorithm)
}

func isSequence(v asn1.RawValue) bool {
	return v.Class == asn1.ClassUniversal && v.Tag == asn1.TagSequence && v.IsCompound
}

func malformed(why string) error { return fmt.Errorf("%w: it %s", ErrMalformed, why) }
