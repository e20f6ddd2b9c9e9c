package config_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/onbehalf"
)

// For an invalid file, the error lists all mistakes, and there is no resource.
func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	load := func(text string) {
		name := filepath.Join(dir, "authorization.yaml")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			log.Fatal(err)
		}
		res, err := config.Load(name)
		switch {
		case errors.Is(err, config.ErrDisabled):
			fmt.Println("disabled: the program exits")
		case err != nil:
			fmt.Println(strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), ""))
		default:
			fmt.Println("protects", res.Identifier())
		}
	}
	load(`
authorization:
  issuer_url: https://auth.example.com
  resource_server_url: https://mcp.example.com/mcp
  required_scopes: [mcp:read]
`)
	load(`
authorization:
  issuer_uri: https://auth.example.com
  resource_server_url: https://mcp.example.com/mcp?x=1
  leeway_seconds: 900
`)
	load(`
authorization:
  enabled: false
`)
	// Output:
	// protects https://mcp.example.com/mcp
	// config: authorization.yaml:2: issuer_url: is missing
	// authorization.yaml:3: issuer_uri: unknown key; did you mean issuer_url?
	// authorization.yaml:4: resource_server_url: metadata: resource identifier "https://mcp.example.com/mcp?...": must not have a query: remove '?' and what follows
	// authorization.yaml:5: leeway_seconds: must be a whole number from 0 to 300
	// disabled: the program exits
}

// A server that receives the security events of the issuer, if its file has the block security_events.
func ExampleLive_SecurityEvents() {
	serve := func(live *config.Live, mcpServer http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/", nethttp.Handler(live.Resource(), mcpServer))
		if events := live.SecurityEvents(); events != nil {
			mux.Handle("/security-events", events)
		}
		return mux
	}
	live, err := config.New(config.Config{Text: []byte(`
authorization:
  issuer_url: https://auth.example.com
  resource_server_url: https://mcp.example.com/mcp
  security_events:
    audience: [mcp-server/stream-1]
    authorization: Bearer 5f2b8a1c
`)})
	if err != nil {
		log.Fatal(err)
	}
	response := httptest.NewRecorder()
	serve(live, http.NotFoundHandler()).ServeHTTP(response, httptest.NewRequest(http.MethodPost, "/security-events", nil))
	fmt.Println(response.Code, response.Body)
	// Output: 401 {"err":"authentication_failed","description":"The request has no Authorization header field, or several"}
}

// A program whose tools call another server on behalf of the caller.
func ExampleLive_OnBehalf() {
	live, err := config.New(config.Config{Text: []byte(`
authorization:
  issuer_url: https://auth.example.com
  resource_server_url: https://mcp.example.com/mcp
  on_behalf_of:
    client_id: mcp-server
    client_secret: ${EXCHANGE_SECRET}
    targets:
      calendar:
        resources: [https://calendar.example.com/api]
        scopes: [calendar.read]
`), Environ: []string{"EXCHANGE_SECRET=from-a-vault"}})
	if err != nil {
		log.Fatal(err)
	}
	exchanger := live.OnBehalf()
	client := &http.Client{Transport: exchanger.Transport("calendar", nil)}
	_, err = client.Get("https://calendar.example.com/api/events") // outside of a request, so without a caller
	failed, _ := errors.AsType[*onbehalf.Error](err)
	fmt.Println(exchanger.Issuer(), failed.Kind)
	// Output: https://auth.example.com no_token
}

// A server that applies changes of its file.
func ExampleNew() {
	serve := func(ctx context.Context, name string, mcpServer http.Handler) http.Handler {
		live, err := config.New(config.Config{File: name})
		if err != nil {
			log.Fatal(err) // also for config.ErrDisabled, so that nothing is served unprotected
		}
		go live.Run(ctx) // checks the files every 10 seconds until ctx is done
		protected := nethttp.Handler(live.Resource(), mcpServer)
		return protected
	}
	fmt.Printf("%T\n", serve)
	// Output: func(context.Context, string, http.Handler) http.Handler
}
