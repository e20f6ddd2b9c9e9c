package securityevents

import (
	"net/http"
	"strconv"
	"time"
)

// respond sends the response for a result. Only errors of the token, and a wrong Authorization, have a body.
func respond(w http.ResponseWriter, of result, retryAfter time.Duration) {
	r := responses[of]
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	if r.field != "" {
		header.Set(r.field, r.value)
	}
	if r.status == http.StatusServiceUnavailable {
		seconds := (max(retryAfter, minRetryAfter) + time.Second - 1) / time.Second
		header.Set("Retry-After", strconv.Itoa(int(seconds)))
	}
	if r.code == "" {
		header.Set("Content-Length", "0")
		w.WriteHeader(r.status)
		return
	}
	header.Set("Content-Type", "application/json")
	header.Set("Content-Language", "en") // of the description
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(r.status)
	_, _ = w.Write([]byte(`{"err":"` + r.code + `","description":"` + r.description + `"}`)) // the texts need no escapes
}
