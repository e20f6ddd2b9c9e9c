package securityevents_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
	"github.com/warder-go/warder/resource/securityevents"
)

// FuzzClaims signs any payload. A receiver may accept it only if another reader finds the
// issuer, the audience, jti and iat that it requires, and every revocation must be of a name in the payload.
func FuzzClaims(f *testing.F) {
	for _, seed := range []string{
		`{"sub_id":{"format":"iss_sub","iss":"ISS","sub":"alice"},"events":{"EVENT":{}}}`,
		`{"sub_id":{"format":"opaque","id":"x"},"events":{"EVENT":{"event_timestamp":1}}}`,
		`{"events":{"EVENT":{"subject":{"user":{"format":"iss_sub","iss":"ISS","sub":"bob"},"session":{"format":"opaque","id":"ALL"}}}}}`,
		`{"sub_id":{"format":"aliases","identifiers":[{"format":"jwt_id","iss":"ISS","jti":"t"},{"format":"email"}]},"events":{"EVENT":{}}}`,
		`{"sub_id":{"format":"complex","user":null,"session":{"format":"iss_sub","iss":"ISS","sub":"s"}},"events":{"EVENT":{}},"toe":5}`,
		`{"events":{}}`, `{"events":[]}`, `{"sub":1}`, `{"sub_id":{"format":"opaque","id":"\u0000"},"events":{"EVENT":null}}`, `{}`, `[]`, ``, `{"Events":{}}`,
	} {
		f.Add(seed)
	}
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Audience: audience})
	if err != nil {
		f.Fatal(err)
	}
	keys := newKeys(f, issuer)
	replacer := strings.NewReplacer("ISS", issuer.Identifier(), "EVENT", resourcetest.SessionRevoked)
	f.Fuzz(func(t *testing.T, payload string) {
		payload = replacer.Replace(payload)
		added := new(store)
		receiver, err := securityevents.New(securityevents.Config{Keys: keys, Audience: []string{audience}, Revocations: added, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		push := func(payload string) (int, string) {
			token := issuer.Token(resourcetest.Token{RawPayload: []byte(payload), Header: claims{"typ": "secevent+jwt"}})
			w := httptest.NewRecorder()
			receiver.ServeHTTP(w, resourcetest.PushRequest(t.Context(), endpoint, token, ""))
			body, _ := io.ReadAll(w.Result().Body)
			return w.Code, string(body)
		}
		if status, _ := push(payload); status == 202 {
			checkAccepted(t, payload, issuer.Identifier())
		}
		// The same members with the claims that are required.
		members, isObject := strings.CutPrefix(strings.TrimSpace(payload), "{")
		if !isObject {
			return
		}
		required, _ := json.Marshal(map[string]any{"iss": issuer.Identifier(), "aud": audience, "jti": "j", "iat": seconds(time.Now())})
		comma := ","
		if strings.HasPrefix(strings.TrimSpace(members), "}") {
			comma = ""
		}
		payload = strings.TrimSuffix(string(required), "}") + comma + members
		status, body := push(payload)
		if status != 202 && status != 400 || status == 202 && body != "" {
			t.Fatalf("%q: got %d %s", payload, status, body)
		}
		if status == 202 {
			checkAccepted(t, payload, issuer.Identifier())
		}
		checkNames(t, payload, status, added)
	})
}

// checkAccepted reads the payload with encoding/json.
func checkAccepted(t *testing.T, payload, issuer string) {
	t.Helper()
	var read struct {
		Issuer   string          `json:"iss"`
		Audience json.RawMessage `json:"aud"`
		ID       string          `json:"jti"`
		IssuedAt float64         `json:"iat"`
		Subject  any             `json:"sub"`
		Events   map[string]map[string]any
	}
	if err := json.Unmarshal([]byte(payload), &read); err != nil {
		t.Fatalf("%q was accepted: %v", payload, err)
	}
	if read.Issuer != issuer || !strings.Contains(string(read.Audience), `"`) || read.ID == "" || read.IssuedAt <= 0 || read.Subject != nil || len(read.Events) == 0 {
		t.Fatalf("%q was accepted: %+v", payload, read)
	}
}

// checkNames checks that the entries have names that are texts of the payload.
func checkNames(t *testing.T, payload string, status int, added *store) {
	t.Helper()
	entries := added.take()
	if status != 202 && len(entries) > 0 {
		t.Fatalf("%q: got %d, and entries %v", payload, status, entries)
	}
	var decoded any
	_ = json.Unmarshal([]byte(payload), &decoded)
	texts := textsIn(decoded)
	for _, e := range entries {
		if name := e.Subject + e.Session + e.TokenID; name == "" || !slices.Contains(texts, name) || e.Client != "" || e.AllTokens || e.Token != "" {
			t.Fatalf("%q: entry %+v", payload, e)
		}
	}
}

// textsIn returns all texts in a decoded JSON value.
func textsIn(value any) (all []string) {
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		for _, member := range v {
			all = append(all, textsIn(member)...)
		}
	case map[string]any:
		for _, member := range v {
			all = append(all, textsIn(member)...)
		}
	}
	return all
}
