package config

import (
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource/revocation"
	"github.com/warder-go/warder/resource/securityevents"
)

// SecurityEvents are the keys of the block security_events: the security events that an issuer pushes to this
// server, and which tokens they revoke.
type SecurityEvents struct {
	IssuerURL         string   `yaml:"issuer_url" doc:"issuer_url of the issuer whose tokens the events revoke. It sends the events, unless transmitter_issuer is set, and signs them with its signing keys, unless jwks_uri is set. Required if the file has several issuers. Default: the only issuer"`
	Audience          []string `yaml:"audience" required:"here" doc:"accepted values of the claim aud of the events. They are compared byte for byte. The issuer chooses the value when the stream is created"`
	Authorization     Secret   `yaml:"authorization" doc:"value of the header field Authorization that the sender of the events must send (authorization_header of the stream), for example Bearer and a random text. Default: the field is ignored, and the signature alone shows who sends the events"`
	AuthorizationFile string   `yaml:"authorization_file" doc:"file with the value, instead of authorization. It is read again at most once per second"`
	JWKSURI           Address  `yaml:"jwks_uri" format:"uri" doc:"URL of the signing keys of the events, if the issuer signs its tokens with other keys or its tokens are introspected: the jwks_uri of /.well-known/ssf-configuration. ca_file and proxy_url of the issuer apply. Default: the signing keys of the issuer"`
	TransmitterIssuer string   `yaml:"transmitter_issuer" doc:"the claim iss of the events, if it is not issuer_url: the issuer of /.well-known/ssf-configuration. Its tokens are not accepted. jwks_uri is required too. Default: issuer_url"`
	TokenLifetime     *int     `yaml:"token_lifetime_seconds" min:"1" max:"31622400" doc:"longest lifetime of the issuer's tokens. A revocation ends when this time has passed since the event. A TIME THAT IS TOO SHORT MAKES REVOKED TOKENS VALID AGAIN. Default: max_token_lifetime_seconds, or else 86400"`
	TokensHaveSession bool     `yaml:"tokens_have_session" doc:"true: every token of the issuer has the claim sid. An event about one session then revokes only the tokens of this session, AND A TOKEN WITHOUT sid STAYS VALID. false: the event also revokes all tokens of the user that were issued before it. Default: false"`
	MaxAge            *int     `yaml:"max_age_seconds" min:"60" max:"2592000" doc:"maximum time since the claim iat of an event. The issuer repeats an event until this server has accepted it. Default: 86400"`
	Leeway            *int     `yaml:"leeway_seconds" min:"1" max:"900" doc:"allowed difference between the clocks of this server and of the sender of the events. Default: 300"`
}

// Format writes the settings for every verb without their secret. For %s, package fmt would print
// what a pointer in [Settings] points to, and not call the methods of [Secret].
func (s SecurityEvents) Format(f fmt.State, _ rune) {
	type plain SecurityEvents
	_, _ = fmt.Fprintf(f, "%+v", plain(s))
}

// A receiver is the endpoint for events with unchanged settings. It is kept in a reload that does
// not change them, because it stores which events were received.
type receiver struct {
	*securityevents.Receiver
	keys     *jwks.Verifier
	settings digest.Digest // of all others
}

// receivers is the handler for events of a Live. It passes on each request to the receiver of the
// configuration in use.
type receivers struct {
	current atomic.Pointer[receiver]
	list    *revocation.List // nil: that of shared_state
}

// ServeHTTP implements [http.Handler].
func (r *receivers) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.current.Load().ServeHTTP(w, req)
}

// collect sends the series of the receiver. A nil pointer has none.
func (r *receivers) collect(constant prometheus.Labels, ch chan<- prometheus.Metric) {
	if r != nil {
		prometheus.WrapCollectorWith(constant, r.current.Load().Receiver).Collect(ch)
	}
}

// revocations returns the list that is not shared, or nil.
func (r *receivers) revocations() *revocation.List {
	if r == nil {
		return nil
	}
	return r.list
}

// SecurityEvents returns the handler to which the issuer pushes security events (RFC 8935), as
// the block security_events describes it. It is nil without the block. The program serves it at
// the endpoint_url of the stream, outside of the middleware, because the handler authenticates
// the sender itself. It is the same one until the process ends, and a reload replaces its
// settings. See [securityevents.Receiver] for its responses and for the limits of the
// http.Server.
func (l *Live) SecurityEvents() http.Handler {
	if l.events == nil {
		return nil // and not a nil pointer
	}
	return l.events
}
