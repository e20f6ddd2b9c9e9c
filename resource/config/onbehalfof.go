package config

import (
	"fmt"

	"github.com/warder-go/warder/resource/onbehalf"
)

// OnBehalfOf are the keys of the block on_behalf_of: how this server gets tokens for other servers in exchange for
// the tokens of callers.
type OnBehalfOf struct {
	IssuerURL     string  `yaml:"issuer_url" doc:"issuer_url of the issuer whose tokens are exchanged, at its own token endpoint. Its keys metadata_url, ca_file, proxy_url and allow_private_hosts apply. Required if the file has several issuers. Default: the only issuer"`
	TokenEndpoint Address `yaml:"token_endpoint" format:"uri" doc:"URL of the token endpoint. Default: the URL in the issuer's metadata"`

	ClientID              string `yaml:"client_id" required:"here" doc:"client ID of this server at the issuer. The client must be permitted to exchange tokens. client_id of the issuer is for introspection only"`
	ClientSecret          Secret `yaml:"client_secret" doc:"client secret for client_id"`
	ClientSecretFile      string `yaml:"client_secret_file" doc:"file with the client secret for client_id. It is read for each call to the token endpoint"`
	AuthMethod            string `yaml:"auth_method" enum:"client_secret_basic,client_secret_basic_raw,client_secret_post,private_key_jwt,tls_client_auth" doc:"how this server authenticates at the token endpoint, as in introspection_auth_method. Default: client_secret_basic"`
	PrivateKeyFile        string `yaml:"private_key_file" doc:"file with the private key for the method private_key_jwt: PEM without a password, or one JWK. It is read for each call"`
	KeyID                 string `yaml:"key_id" doc:"kid of the assertions of private_key_jwt. Default: the kid of the JWK"`
	KeyAlgorithm          string `yaml:"key_algorithm" doc:"algorithm of the assertions of private_key_jwt. Default: the alg of the JWK, or RS256, ES256, ES384, ES512 or EdDSA by the type of the key"`
	AssertionAudience     string `yaml:"assertion_audience" doc:"aud of the assertions of private_key_jwt. Default: issuer_url. Set it only for servers that accept only another value, such as the URL of an endpoint"`
	ClientCertificateFile string `yaml:"tls_client_certificate_file" doc:"file with the client certificate, in PEM with its chain, for mutual TLS with the token endpoint. It can be combined with every auth_method, and is read for each call"`
	ClientKeyFile         string `yaml:"tls_client_key_file" doc:"file with the private key of tls_client_certificate_file, in PEM"`

	Timeout       *int `yaml:"timeout_seconds" min:"1" max:"30" doc:"maximum time for one exchange. Default: 5"`
	MaxConcurrent *int `yaml:"max_concurrent" min:"1" max:"1024" doc:"maximum number of concurrent calls to the token endpoint. Default: 32"`
	CacheEntries  *int `yaml:"cache_entries" min:"1" max:"1000000" doc:"maximum number of cached tokens for other servers. Default: 10000"`
	AllowHTTP     bool `yaml:"allow_http" doc:"true: the token endpoint and the origins of targets may have the scheme http although the host is not a loopback address. Everyone on the network can then read the tokens and the client secret. Default: false"`

	Targets map[string]OnBehalfTarget `yaml:"targets" required:"here" doc:"the other servers, at most 1000, by the name that the program uses: 1 to 64 characters of a-z, 0-9, - and _. At least one of audiences, resources and scopes is required for each"`
}

// OnBehalfTarget is another server that tokens are issued for.
type OnBehalfTarget struct {
	Grant             string   `yaml:"grant" enum:"token_exchange,entra_on_behalf_of,jwt_bearer" doc:"how the token is exchanged. token_exchange: RFC 8693. entra_on_behalf_of: the on-behalf-of flow of Microsoft Entra. jwt_bearer: the caller's token is the assertion of RFC 7523. Default: token_exchange"`
	Audiences         []string `yaml:"audiences" doc:"values of the parameter audience, with the grant token_exchange only. Default: none"`
	Resources         []string `yaml:"resources" doc:"values of the parameter resource: absolute URIs without a fragment. Not with the grant entra_on_behalf_of. Default: none"`
	Scopes            []string `yaml:"scopes" doc:"scopes to request. An answer with another scope is rejected, except for entra_on_behalf_of with a scope that ends in /.default. Default: none, and the issuer chooses"`
	AcceptWiderScopes bool     `yaml:"accept_wider_scopes" doc:"true: an issued token with scopes that were not requested is accepted. Set it only if the issuer names scopes in answers in another way than in requests. Default: false"`

	SubjectTokenType   string `yaml:"subject_token_type" enum:"urn:ietf:params:oauth:token-type:access_token,urn:ietf:params:oauth:token-type:jwt" doc:"subject_token_type of the request, with the grant token_exchange only. Default: urn:ietf:params:oauth:token-type:access_token"`
	RequestedTokenType string `yaml:"requested_token_type" enum:"urn:ietf:params:oauth:token-type:access_token,urn:ietf:params:oauth:token-type:jwt" doc:"requested_token_type of the request, with the grant token_exchange only. Default: urn:ietf:params:oauth:token-type:access_token"`
	IssuedTokenType    string `yaml:"issued_token_type" enum:"urn:ietf:params:oauth:token-type:access_token,urn:ietf:params:oauth:token-type:jwt" doc:"issued_token_type that the answer must have, with the grant token_exchange only. Default: requested_token_type"`

	ActorTokenFile string `yaml:"actor_token_file" doc:"file with the token of this server as the acting party, with the grant token_exchange only. It is read for each exchange. Default: no actor token"`
	ActorTokenType string `yaml:"actor_token_type" enum:"urn:ietf:params:oauth:token-type:access_token,urn:ietf:params:oauth:token-type:jwt" doc:"actor_token_type of the request. actor_token_file is required too. Default: urn:ietf:params:oauth:token-type:access_token"`

	IssuedAudiences []string `yaml:"issued_audiences" doc:"audiences that an issued token must all have if it is a JWT. An empty list: the audience is not checked. Default: audiences, or else resources"`
	Origins         []string `yaml:"origins" doc:"the only origins to which the program's transport sends the issued tokens, such as https://api.example.com. Default: the origins of the URLs in resources"`
	ChallengeScopes []string `yaml:"challenge_scopes" doc:"scopes of this server that a challenge names if the issuer requires that the user interacts with it, for example to consent. Default: none, and there is no challenge"`
	InteractionURL  string   `yaml:"interaction_url" doc:"page at which every user can do what the issuer requires, for example consent. The program can send it to clients. An https URL, or http for a loopback host, without a fragment. Default: none"`
}

// secretFiles returns the names of the files that have one secret each.
func (o *OnBehalfOf) secretFiles() []string {
	names := []string{o.ClientSecretFile}
	for _, t := range o.Targets {
		names = append(names, t.ActorTokenFile)
	}
	return names
}

// Format writes the settings for every verb without their secret. For %s, package fmt would print
// what a pointer in [Settings] points to, and not call the methods of [Secret].
func (o OnBehalfOf) Format(f fmt.State, _ rune) {
	type plain OnBehalfOf
	_, _ = fmt.Fprintf(f, "%+v", plain(o))
}

// OnBehalf returns the exchanger that the block on_behalf_of describes. It is nil without the block.
// It is always the same one: a reload that changes the settings replaces its configuration and its
// cache (see [onbehalf.Exchanger.Replace]). It is a collector of metrics that the program registers,
// and [onbehalf.Exchanger.Ready] is for a readiness probe.
func (l *Live) OnBehalf() *onbehalf.Exchanger { return l.exchanger }
