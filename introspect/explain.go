package introspect

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/internal/outbound"
)

// explain completes the error of a failed call for the log: with the request, the response and
// the setting that fixes it. method and note are about our credentials.
func (f *failure) explain(endpoint string, r *outbound.Response, method, note string) {
	text := fmt.Sprintf("POST %s: %s", logging.RedactURL(endpoint), r.Describe())
	switch f.errorCode {
	case "":
	case noErrorCode, otherErrorCode:
		text += ", " + f.errorCode
	default:
		text += ", error " + f.errorCode
	}
	f.response = text
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
// and in Go.
func credentialSetting(method string) string {
	key := "client_id and client_secret"
	switch method {
	case Bearer:
		key = "introspection_bearer_token"
	case PrivateKeyJWT:
		key = "client_id and introspection_private_key_file"
	case TLSClientAuth:
		key = "client_id and tls_client_certificate_file"
	}
	return key + " (in Go: Auth)"
}
