package resourcetest_test

import (
	"context"
	"io"
	"reflect"
	"testing"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
)

// A security event token has the type and the claims that RFC 8417 §2 and SSF 1.0 §4.1 require, and is
// signed with a key in the JWKS.
func TestSecurityEvent(t *testing.T) {
	s, _ := newIssuer(t, resourcetest.Config{Audience: "client/stream", Algorithms: []string{"ES256", "RS256"}})
	before := time.Now().Unix()
	token := s.SecurityEvent(resourcetest.SecurityEvent{})
	if want := `{"alg":"ES256","typ":"secevent+jwt","kid":"` + s.SigningKeyID("ES256") + `"}`; string(segment(t, token, 0)) != want {
		t.Errorf("header %s, want %s", segment(t, token, 0), want)
	}
	if !verifies(publicKey(t, jwks(t, s), s.SigningKeyID("ES256")), "ES256", token) {
		t.Error("the signature is invalid")
	}
	claims := parse(t, string(segment(t, token, 1)))
	if iat, _ := claims["iat"].(float64); int64(iat) < before || int64(iat) > time.Now().Unix() {
		t.Errorf("iat %v", claims["iat"])
	}
	if jti, _ := claims["jti"].(string); len(jti) < 20 || jti == parse(t, string(segment(t, s.SecurityEvent(resourcetest.SecurityEvent{}), 1)))["jti"] {
		t.Errorf("jti %v", claims["jti"])
	}
	delete(claims, "iat")
	delete(claims, "jti")
	want := doc{"iss": s.Identifier(), "aud": "client/stream",
		"sub_id": map[string]any{"format": "iss_sub", "iss": s.Identifier(), "sub": "alice"},
		"events": map[string]any{"https://schemas.openid.net/secevent/caep/event-type/session-revoked": map[string]any{}}}
	if !reflect.DeepEqual(claims, want) {
		t.Errorf("got %v\nwant %v", claims, want)
	}
}

// Each field of SecurityEvent changes one part of the token.
func TestSecurityEventFields(t *testing.T) {
	s, _ := newIssuer(t, resourcetest.Config{Algorithms: []string{"ES256", "RS256"}})
	subject := map[string]any{"format": "opaque", "id": "x"}
	token := s.SecurityEvent(resourcetest.SecurityEvent{
		Type: resourcetest.AccountDisabled, Subject: subject, Payload: map[string]any{"reason": "hijacking"}, Audience: "a", IssuedAt: time.Unix(1e9, 0),
		Claims: map[string]any{"jti": resourcetest.Remove, "txn": "1"}, Header: map[string]any{"typ": "JWT"}, Alg: "RS256",
	})
	if want := `{"alg":"RS256","typ":"JWT","kid":"` + s.SigningKeyID("RS256") + `"}`; string(segment(t, token, 0)) != want {
		t.Errorf("header %s, want %s", segment(t, token, 0), want)
	}
	want := doc{"iss": s.Identifier(), "aud": "a", "iat": 1e9, "sub_id": subject, "txn": "1",
		"events": map[string]any{resourcetest.AccountDisabled: map[string]any{"reason": "hijacking"}}}
	if claims := parse(t, string(segment(t, token, 1))); !reflect.DeepEqual(claims, want) {
		t.Errorf("got %v\nwant %v", claims, want)
	}
	old := s.SigningKeyID("ES256")
	s.Rotate("ES256")
	key := publicKey(t, jwks(t, s), old)
	if !verifies(key, "ES256", s.SecurityEvent(resourcetest.SecurityEvent{Key: old})) {
		t.Error("Key does not select the key")
	}
	if verifies(key, "ES256", s.SecurityEvent(resourcetest.SecurityEvent{Key: old, Fault: resourcetest.WrongSignature})) {
		t.Error("Fault does not make the signature invalid")
	}
	if got := s.SubjectID("bob"); got["sub"] != "bob" || got["iss"] != s.Identifier() || got["format"] != "iss_sub" {
		t.Errorf("SubjectID returned %v", got)
	}
}

// A request for push delivery is that of RFC 8935 §2.1.
func TestPushRequest(t *testing.T) {
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, 1)
	req := resourcetest.PushRequest(ctx, "https://rp.example.test/events?x=1", "a.b.c", "Bearer s")
	body, err := io.ReadAll(req.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := []any{req.Method, req.URL.String(), string(body), req.ContentLength, req.Header.Get("Content-Type"), req.Header.Get("Accept"), req.Header.Get("Authorization"), req.Context()}
	want := []any{"POST", "https://rp.example.test/events?x=1", "a.b.c", int64(5), "application/secevent+jwt", "application/json", "Bearer s", ctx}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if req := resourcetest.PushRequest(ctx, "https://rp.example.test/", "", ""); len(req.Header["Authorization"]) != 0 {
		t.Errorf("header %v", req.Header)
	}
	defer func() {
		if recover() == nil {
			t.Error("no panic for an invalid URL")
		}
	}()
	resourcetest.PushRequest(ctx, "://", "", "")
}
