package interop_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// keycloakVariable has the folder of an unpacked Keycloak. .ci/live sets it.
const keycloakVariable = "WARDER_KEYCLOAK"

// keycloakStart limits the start of Keycloak, which takes about 15 s on an idle machine, and several
// minutes on one with a load of 15.
const keycloakStart = 8 * time.Minute

// A keycloak is a running Keycloak with the realm of testdata/keycloak-realm.json.
type keycloak struct {
	t      *testing.T
	server string // its URL
	issuer string // of the realm
	scope  string // ID of the client scope mcp:read

	endpoints string       // address of the token endpoint; "": server
	client    *http.Client // for the token endpoint; nil: http.DefaultClient
}

// startKeycloak starts Keycloak with an empty database and imports the realm. Features that are
// not in options are as Keycloak ships them.
func startKeycloak(t *testing.T, options ...string) *keycloak {
	t.Helper()
	return startKeycloakAt(t, freeAddress(t), options...)
}

// startKeycloakAt is startKeycloak for a given address.
func startKeycloakAt(t *testing.T, address string, options ...string) *keycloak {
	t.Helper()
	home := os.Getenv(keycloakVariable)
	if home == "" {
		t.Skipf("Skipped: %s is not set. Run .ci/run live, which needs Java and Maven.", keycloakVariable)
	}
	realm, err := os.ReadFile("testdata/keycloak-realm.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(home, "data", "h2")); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(home, "data", "import"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "data", "import", "interop-realm.json"), realm, 0o600); err != nil {
		t.Fatal(err)
	}
	k := &keycloak{t: t, server: address}
	k.issuer = k.server + "/realms/interop"
	port := k.server[strings.LastIndexByte(k.server, ':')+1:]
	output := &lockedBuffer{}
	ctx, cancel := context.WithCancel(context.Background())
	options = append([]string{"start-dev", "--import-realm", "--http-host=127.0.0.1", "--http-port=" + port}, options...)
	command := exec.CommandContext(ctx, filepath.Join(home, "bin", "kc.sh"), options...)
	command.Env = append(os.Environ(), "KC_BOOTSTRAP_ADMIN_USERNAME=admin", "KC_BOOTSTRAP_ADMIN_PASSWORD=admin")
	command.Stdout, command.Stderr = output, output
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // kc.sh starts Java as another process
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	if err := command.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		_ = command.Wait() // returns an error because the process is killed
		close(exited)
	}()
	t.Cleanup(func() {
		cancel()
		<-exited
		if t.Failed() {
			t.Logf("output of Keycloak:\n%s", output)
		}
	})
	k.waitForStart(exited)
	k.addScope()
	return k
}

// keycloakClients are the IDs of the realm's clients that can request mcp:read.
var keycloakClients = []string{"cccccccc-0000-4000-8000-000000000001", "cccccccc-0000-4000-8000-000000000002", "cccccccc-0000-4000-8000-000000000003"}

// addScope adds the scope mcp:read. A realm that is imported with a list of scopes lacks those of
// Keycloak, such as basic, which puts sub into tokens.
func (k *keycloak) addScope() {
	k.t.Helper()
	k.scope = k.clientScope("mcp:read", true)
	for _, client := range keycloakClients {
		k.admin(http.MethodPut, "/clients/"+client+"/optional-client-scopes/"+k.scope, nil)
	}
}

// clientScope creates a client scope and returns its ID. If named is true, tokens with the client
// scope have its name in scope.
func (k *keycloak) clientScope(name string, named bool, mappers ...map[string]any) (id string) {
	k.t.Helper()
	return k.admin(http.MethodPost, "/client-scopes", map[string]any{
		"name": name, "protocol": "openid-connect", "protocolMappers": mappers,
		"attributes": map[string]string{"include.in.token.scope": strconv.FormatBool(named)},
	})
}

// waitForStart waits until Keycloak responds, or fails if the process exits.
func (k *keycloak) waitForStart(exited <-chan struct{}) {
	k.t.Helper()
	for end := time.Now().Add(keycloakStart); time.Now().Before(end); {
		select {
		case <-exited:
			k.t.Fatal("Keycloak exited")
		default:
		}
		res, err := http.Get(k.issuer + "/.well-known/openid-configuration")
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		waitUntil(k.t.Context(), time.Now().Add(250*time.Millisecond))
	}
	k.t.Fatal("Keycloak did not start")
}

// keycloakTokens are what the token endpoint returns.
type keycloakTokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
	Type    string `json:"token_type"`
}

// tokens requests tokens with a form.
func (k *keycloak) tokens(realm string, form url.Values) (issued keycloakTokens) {
	k.t.Helper()
	issued, failed := k.request(realm, form)
	if failed != "" {
		k.t.Fatalf("Keycloak returned no token: %s", failed)
	}
	return issued
}

// request requests tokens with a form. If Keycloak rejects the request, failed is the error code.
func (k *keycloak) request(realm string, form url.Values) (issued keycloakTokens, failed string) {
	k.t.Helper()
	res, err := cmp.Or(k.client, http.DefaultClient).PostForm(cmp.Or(k.endpoints, k.server)+"/realms/"+realm+"/protocol/openid-connect/token", form)
	if err != nil {
		k.t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct {
		keycloakTokens
		Error string `json:"error"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || answer.Access == "" && answer.Error == "" {
		k.t.Fatalf("Keycloak returned neither a token nor an error: %d", res.StatusCode)
	}
	return answer.keycloakTokens, answer.Error
}

// ofUser returns the tokens of a user of a public client.
func (k *keycloak) ofUser(client, name, scope string) keycloakTokens {
	k.t.Helper()
	return k.tokens("interop", url.Values{"grant_type": {"password"}, "client_id": {client}, "username": {name}, "password": {"secret"}, "scope": {scope}})
}

// ofClient returns the tokens of a client itself.
func (k *keycloak) ofClient(client, secret string) keycloakTokens {
	k.t.Helper()
	return k.tokens("interop", url.Values{"grant_type": {"client_credentials"}, "client_id": {client}, "client_secret": {secret}, "scope": {"mcp:read"}})
}

// admin sends a request to the administration API of the realm. It returns the ID of what was
// created.
func (k *keycloak) admin(method, path string, body any) (id string) {
	k.t.Helper()
	token := k.tokens("master", url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"admin"}, "password": {"admin"}}).Access
	res := k.send(method, "/admin/realms/interop"+path, token, body)
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		answer, _ := io.ReadAll(res.Body)
		k.t.Fatalf("Keycloak answered %s %s with %d %s", method, path, res.StatusCode, answer)
	}
	location := res.Header.Get("Location")
	return location[strings.LastIndexByte(location, '/')+1:]
}

// read reads an object or a list of the administration API of the realm.
func (k *keycloak) read(path string, into any) {
	k.t.Helper()
	token := k.tokens("master", url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"admin"}, "password": {"admin"}}).Access
	res := k.send(http.MethodGet, "/admin/realms/interop"+path, token, nil)
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(into); err != nil || res.StatusCode != http.StatusOK {
		k.t.Fatalf("Keycloak answered GET %s with %d, error %v", path, res.StatusCode, err)
	}
}

// send sends a JSON request, with a token unless it is empty.
func (k *keycloak) send(method, path, token string, body any) *http.Response {
	k.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		k.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(k.t.Context(), method, k.server+path, bytes.NewReader(text))
	if err != nil {
		k.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		k.t.Fatal(err)
	}
	return res
}

// rotate makes Keycloak sign with a new key. The old one stays published.
func (k *keycloak) rotate() {
	k.t.Helper()
	k.admin(http.MethodPost, "/components", map[string]any{
		"name": "new key", "providerId": "rsa-generated", "providerType": "org.keycloak.keys.KeyProvider",
		"config": map[string][]string{"priority": {"1000"}, "algorithm": {"RS256"}},
	})
}

// provider returns the realm in the form that the tests for oidc-provider use.
func (k *keycloak) provider(t *testing.T) *provider { return &provider{t: t, issuer: k.issuer} }

// keyLog returns a logger for the messages of jwks and their text so far.
func keyLog() (*slog.Logger, *lockedBuffer) {
	logged := &lockedBuffer{}
	return slog.New(slog.NewJSONHandler(logged, nil)), logged
}
