package introspect

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"

	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/internal/outbound"
)

// explain completes the error of a failed call for the log: with the request, the response and
// the setting that fixes it. method and note are about our credentials.
func (f *failure) explain(endpoint string, r *outbound.Response, method, note string) {
	text := fmt.Sprintf("POST %s: status %d, %s", logging.RedactURL(endpoint), r.Status, describeType(r.Header))
	switch f.errorCode {
	case "":
	case noErrorCode, otherErrorCode:
		text += ", " + f.errorCode
	default:
		text += ", error " + f.errorCode
	}
	switch {
	case f.outcome == inactive, f.outcome == keysUnavailable: // not about the response
		return
	case f.outcome == credentials:
		// First what to do, because the record of a rejected request is cut.
		text = "the endpoint rejects our credentials: check " + credentialSetting(method) + note + ", method " + method + ": " + text
	case slices.Contains([]int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone}, r.Status):
		text += ": check " + endpointSetting
	}
	if f.err == nil {
		f.err = errors.New(text)
		return
	}
	f.err = fmt.Errorf("%s: %w", text, f.err)
}

// credentialSetting returns where the credentials are configured, in the configuration file
// and in Go. The file has only secrets.
func credentialSetting(method string) string {
	if method == ClientSecretBasic || method == ClientSecretPost {
		return "client_id and client_secret (in Go: Auth)"
	}
	return "Auth"
}

// knownTypes are the media types that an error names. Other text of the response is not
// logged, because the response may repeat the token.
var knownTypes = []string{plainType, signedType, "application/jwt", "application/problem+json", "application/xml", "text/xml", "text/html", "text/plain"}

func describeType(header http.Header) string {
	value := header.Get("Content-Type")
	media, _, err := mime.ParseMediaType(value)
	switch {
	case value == "":
		return "no content type"
	case err == nil && slices.Contains(knownTypes, media):
		return fmt.Sprintf("content type %q", media)
	}
	return "another content type"
}
