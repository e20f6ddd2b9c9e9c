package onbehalf_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/onbehalf"
	"github.com/warder-go/warder/resource/resourcetest"
)

// A handler calls the API of a calendar on behalf of the user, whose token it does not see.
func Example() {
	auth, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		log.Fatal(err)
	}
	if err := auth.Listen(); err != nil {
		log.Fatal(err)
	}
	defer auth.Close()
	// The API is another server. It accepts only tokens for itself.
	api := httptest.NewUnstartedServer(nil)
	apiURL := "http://" + api.Listener.Addr().String()
	api.Config.Handler = protect(auth, apiURL, resource.Credentials{}, func(w http.ResponseWriter, req *http.Request) {
		caller, _ := resource.FromContext(req.Context())
		fmt.Fprintf(w, "the calendar of %s, with %s", caller.Subject(), strings.Join(caller.Scopes(), " "))
	})
	api.Start()
	defer api.Close()

	exchanger, err := onbehalf.New(onbehalf.Config{
		Issuer:  auth.Identifier(),
		Auth:    introspect.ClientAuth{ClientID: resourcetest.DefaultClientID, ClientSecret: resourcetest.DefaultClientSecret},
		Targets: []onbehalf.Target{{Name: "calendar", Resources: []string{apiURL}, Scopes: []string{"calendar.read"}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: exchanger.Transport("calendar", nil)}
	const server = "https://mcp.example.com/mcp"
	handler := protect(auth, server, resource.Credentials{HoldTokens: true}, func(w http.ResponseWriter, req *http.Request) {
		call, _ := http.NewRequestWithContext(req.Context(), http.MethodGet, apiURL, nil)
		response, err := client.Do(call)
		if err != nil {
			http.Error(w, "no calendar", http.StatusBadGateway)
			return
		}
		defer response.Body.Close()
		_ = response.Write(w)
	})

	req := httptest.NewRequest(http.MethodPost, server, nil)
	req.Header.Set("Authorization", "Bearer "+auth.Token(resourcetest.Token{Audience: server, Subject: "alice"}))
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, req)
	_, body, _ := strings.Cut(w.Body.String(), "\r\n\r\n")
	fmt.Println(body)
	// Output: the calendar of alice, with calendar.read
}

// protect returns a handler behind warder.
func protect(auth *resourcetest.Issuer, identifier string, credentials resource.Credentials, handler http.HandlerFunc) http.Handler {
	keys, err := jwks.New(jwks.Config{Issuer: auth.Identifier()})
	if err != nil {
		log.Fatal(err)
	}
	res, err := resource.New(resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: keys}}, Credentials: credentials})
	if err != nil {
		log.Fatal(err)
	}
	return nethttp.Handler(res, handler)
}

// OAuth2Token is oauth2.Token of golang.org/x/oauth2.
type OAuth2Token struct {
	AccessToken, TokenType string
	Expiry                 time.Time
}

// OAuth2Source is an oauth2.TokenSource.
type OAuth2Source struct{ onbehalf.TokenSource }

// Token is all that is needed to adapt a source.
func (s OAuth2Source) Token() (*OAuth2Token, error) {
	token, err := s.TokenSource()
	if err != nil {
		return nil, err
	}
	return &OAuth2Token{AccessToken: token.AccessToken(), TokenType: "Bearer", Expiry: token.Expiry()}, nil
}

// A library that expects an oauth2.TokenSource gets an adapted source.
func ExampleExchanger_TokenSource() {
	var exchanger *onbehalf.Exchanger // made by onbehalf.New
	source := func(ctx context.Context) OAuth2Source {
		caller, _ := resource.FromContext(ctx)
		return OAuth2Source{exchanger.TokenSource(caller, "calendar")}
	}
	_ = source
	// Output:
}
