package interop_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"strconv"
	"strings"
	"time"
)

// delivery is a request of Keycloak with a security event token.
type delivery struct {
	event   string // the last segment of the type
	session string // the session in the subject
	answer  string // the status of the response, and the error code
	at      time.Time
}

// ServeHTTP passes a delivery to the receiver, and records it.
func (s *eventStream) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	req.Body = io.NopCloser(bytes.NewReader(body))
	s.mu.Lock()
	receiver := s.receiver
	s.mu.Unlock()
	if receiver == nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	recorded := httptest.NewRecorder()
	receiver.ServeHTTP(recorded, req)
	got := describeEvent(string(body))
	got.at, got.answer = time.Now(), strconv.Itoa(recorded.Code)
	var problem struct{ Err string }
	if json.Unmarshal(recorded.Body.Bytes(), &problem) == nil {
		got.answer += " " + problem.Err
	}
	s.mu.Lock()
	s.deliveries = append(s.deliveries, got)
	s.mu.Unlock()
	maps.Copy(w.Header(), recorded.Header())
	w.WriteHeader(recorded.Code)
	_, _ = w.Write(recorded.Body.Bytes())
}

// describeEvent reads the claims of a token without a check.
func describeEvent(token string) (d delivery) {
	type subject struct{ Session struct{ ID string } }
	var claims struct {
		SubjectID subject                              `json:"sub_id"`
		Events    map[string]struct{ Subject subject } `json:"events"`
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return delivery{event: "not a JWT"}
	}
	payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
	_ = json.Unmarshal(payload, &claims) // the receiver reports what is malformed
	d.session = claims.SubjectID.Session.ID
	for uri, event := range claims.Events {
		d.event += path.Base(uri)
		d.session += event.Subject.Session.ID
	}
	return d
}

// count returns how many deliveries there were.
func (s *eventStream) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.deliveries)
}

// await waits for a number of deliveries of an event, of those after the first ones, and returns
// the last of them. The zero delivery stands for none.
func (s *eventStream) await(after, number int, wanted func(delivery) bool) delivery {
	s.t.Helper()
	for end := time.Now().Add(eventLimit); time.Now().Before(end); {
		s.mu.Lock()
		found := 0
		for _, d := range s.deliveries[after:] {
			if wanted(d) {
				found++
			}
			if found == number {
				s.mu.Unlock()
				return d
			}
		}
		s.mu.Unlock()
		waitUntil(s.t.Context(), time.Now().Add(50*time.Millisecond))
	}
	s.t.Errorf("%s: not delivered %d times", s.client, number)
	return delivery{}
}

// queued returns how many events Keycloak has stored for the stream, delivered or not. It stores an
// event before it answers the request that caused it.
func (s *eventStream) queued() (total int) {
	s.t.Helper()
	var stats struct {
		Statuses map[string]struct{ Count int }
	}
	s.k.read("/ssf/clients/"+s.client+"/events/stats", &stats)
	for _, status := range stats.Statuses {
		total += status.Count
	}
	return total
}
