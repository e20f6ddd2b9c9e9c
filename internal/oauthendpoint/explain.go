package oauthendpoint

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/warder-go/warder/internal/logging"
)

// Describe returns the request and the response, for an error. code is the result of ErrorCode,
// or "".
func (x Exchange) Describe(code string) string {
	text := fmt.Sprintf("POST %s: %s", logging.RedactURL(x.URL), x.Response.Describe())
	switch code {
	case "":
		return text
	case NoErrorCode, OtherErrorCode:
		return text + ", " + code
	}
	return text + ", error " + code
}

// Explain returns the complete error of a failed exchange for the log: with the request, the
// response and the setting that fixes it. err is the cause, if there is one besides the response.
func (x Exchange) Explain(o Outcome, code string, err error) error {
	text := x.Describe(code)
	switch {
	case o == Credentials:
		// First what to do, because the record of a rejected request is cut.
		text = "the endpoint rejects our credentials: check " + x.authSetting + x.Note + ", method " + x.method + ": " + text
	case slices.Contains([]int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone}, x.Response.Status):
		text += ": check " + x.urlSetting
	}
	if err == nil {
		return errors.New(text)
	}
	return fmt.Errorf("%s: %w", text, err)
}
