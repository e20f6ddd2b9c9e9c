package securityevents

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
)

// mediaType is the type of the body (RFC 8935 §2.1).
const mediaType = "application/secevent+jwt"

// maxBodyBytes is the limit for the body of a request. Security event tokens have one or two kilobytes.
const maxBodyBytes = 64 << 10 // of a request with a security event token

// readToken returns the body, which is one security event token and nothing else.
func readToken(w http.ResponseWriter, req *http.Request) (string, *rejection) {
	if !isMediaType(req.Header["Content-Type"]) {
		return "", &rejection{result: resultContentType}
	}
	if !isIdentity(req.Header["Content-Encoding"]) {
		return "", &rejection{result: resultContentEncoding}
	}
	if req.ContentLength > maxBodyBytes {
		return "", &rejection{result: resultTooLarge}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBodyBytes))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return "", &rejection{result: resultTooLarge}
	}
	if err != nil {
		return "", &rejection{result: resultBody, err: err}
	}
	return string(body), nil
}

// isMediaType reports whether the field has the media type of security event tokens. The type defines no
// parameters, so they have no meaning and are ignored.
func isMediaType(values []string) bool {
	if len(values) != 1 {
		return false
	}
	got, _, err := mime.ParseMediaType(values[0]) // in lower case
	return err == nil && got == mediaType
}

// isIdentity reports whether the body is not encoded. Decompression would let a small body become
// a large one.
func isIdentity(values []string) bool {
	return len(values) == 0 || len(values) == 1 && strings.EqualFold(values[0], "identity")
}
