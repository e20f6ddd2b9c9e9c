package valkey_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
	"github.com/warder-go/warder/resource/revocation"
	"github.com/warder-go/warder/resource/valkey"
	"github.com/warder-go/warder/resource/valkey/valkeytest"
)

const dumpIdentifier = "https://mcp.example.test/mcp"

// Someone who reads a copy of the server's data finds no token, no part of a token, no claim, no proof and no
// key in it.
func TestDumpRevealsNothing(t *testing.T) {
	server := valkeytest.Start(t, valkeytest.Options{Lines: []string{"rdbcompression no", "dbfilename dump.rdb"}})
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	key := []byte("a common key of the test that has more than 32 bytes")
	// The data of the server is complete since an hour ago, so that proofs are accepted at once.
	_, info, _ := strings.Cut(server.Do("INFO", "server"), "run_id:")
	run, _, _ := strings.Cut(info, "\r")
	server.Do("SET", dataKey, fmt.Sprintf("%s/%d", run, time.Now().Add(-time.Hour).UnixMilli()))
	store := openAt(t, server.Address())
	list := startListWith(t, store, key)
	eventually(t, "the list is ready", func() bool { return list.Ready(t.Context()) == nil })
	res := dumpResource(t, issuer, store, list, key)

	secrets := []string{string(key), resourcetest.DefaultClientSecret, issuer.Identifier(), dumpIdentifier}
	use := func(request *http.Request, token string) {
		t.Helper()
		request.Header.Set("Authorization", request.Header.Get("Authorization")+token)
		if _, refusal := res.Authenticate(request); refusal != nil {
			t.Fatal(refusal.Err)
		}
		secrets = append(append(secrets, token), strings.Split(token, ".")...)
		digest := sha256.Sum256([]byte(token))
		secrets = append(secrets, string(digest[:]), string(digest[:16]))
	}
	for i := range 20 {
		subject, jti := fmt.Sprintf("subject-%d-of-somebody", i), fmt.Sprintf("identifier-%d-of-a-token", i)
		token := resourcetest.Token{Subject: subject, Audience: dumpIdentifier, Claims: map[string]any{"jti": jti, "sid": "session-" + jti}}
		opaque := httptest.NewRequest(http.MethodPost, dumpIdentifier, nil)
		opaque.Header.Set("Authorization", "Bearer ")
		use(opaque, issuer.OpaqueToken(token))

		proofKey := resourcetest.NewProofKey("")
		token.ProofKey = proofKey
		jwt := issuer.Token(token)
		bound := httptest.NewRequest(http.MethodPost, dumpIdentifier, nil)
		proof := proofKey.Proof(resourcetest.Proof{Method: http.MethodPost, URL: dumpIdentifier, Token: jwt, ID: "proof-" + jti})
		bound.Header.Set("DPoP", proof)
		bound.Header.Set("Authorization", "DPoP ")
		use(bound, jwt)
		secrets = append(append(secrets, subject, jti, "session-"+jti, "proof-"+jti, proofKey.Thumbprint()), strings.Split(proof, ".")...)

		err := list.Add(t.Context(),
			revocation.Entry{Issuer: issuer.Identifier(), Subject: subject, Until: time.Now().Add(time.Hour)},
			revocation.Entry{Issuer: issuer.Identifier(), Session: "session-" + jti, Until: time.Now().Add(time.Hour)},
			revocation.Entry{Issuer: issuer.Identifier(), Token: jwt, Until: time.Now().Add(time.Hour)},
		)
		if err != nil {
			t.Fatal(err)
		}
	}
	dump := dumpOf(t, server)
	for _, want := range []string{"{warder}:a:", "{warder}:p:", "{warder}:revoked"} {
		if !bytes.Contains(dump, []byte(want)) {
			t.Errorf("the dump does not have the keys %s…; is the test wrong?", want)
		}
	}
	for _, secret := range secrets {
		for _, form := range []string{secret, hex.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret))} {
			if bytes.Contains(dump, []byte(form)) {
				t.Errorf("the dump contains %q", form)
			}
		}
	}
}

// dumpResource returns a Resource that shares everything through a store.
func dumpResource(t *testing.T, issuer *resourcetest.Issuer, store *valkey.Store, list *revocation.List, key []byte) *resource.Resource {
	t.Helper()
	keys, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	answers, err := introspect.New(introspect.Config{
		Issuer: issuer.Identifier(), Transport: issuer.Transport(), Answers: store.Answers(), AnswerKeys: [][]byte{key},
		Auth: introspect.ClientAuth{ClientID: resourcetest.DefaultClientID, ClientSecret: resourcetest.DefaultClientSecret},
	})
	if err != nil {
		t.Fatal(err)
	}
	res, err := resource.New(resource.Config{
		Identifier:  dumpIdentifier,
		Issuers:     []resource.Issuer{{Verifier: keys}},
		Opaque:      &resource.Issuer{Verifier: answers},
		Hooks:       resource.Hooks{Revocations: list},
		Credentials: resource.Credentials{DPoP: resource.DPoP{Tokens: resource.BindingAccepted, Replays: store.Replays()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// dumpOf returns the file in which the server saves its data.
func dumpOf(t *testing.T, server *valkeytest.Server) []byte {
	t.Helper()
	server.Do("SAVE")
	_, dir, _ := strings.Cut(server.Do("CONFIG", "GET", "dir"), "\n")
	dump, err := os.ReadFile(filepath.Join(dir, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	return dump
}
