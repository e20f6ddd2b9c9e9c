package check

import (
	"maps"
	"slices"
)

// An ID says what a finding is about. The set of IDs is fixed, and each has one severity.
type ID string

// A Severity says how bad a finding is.
type Severity string

// Severities, the worst first.
const (
	SeverityError      Severity = "error"       // requests of clients fail, or the server is not protected
	SeverityWarning    Severity = "warning"     // some clients or tokens have a problem, or all will have one
	SeverityNotChecked Severity = "not_checked" // it is not known
	SeverityOK         Severity = "ok"          // it was checked and is right
)

var severities = []Severity{SeverityError, SeverityWarning, SeverityNotChecked, SeverityOK}

// IDs of findings about the configuration.
const (
	IDInvalidConfig ID = "config"
	IDDisabled      ID = "disabled"
	IDPlainHTTP     ID = "plain_http"
	IDNotChecked    ID = "not_checked"
	IDTimeOver      ID = "time_over"
)

// IDs of findings about an issuer.
const (
	IDIssuer            ID = "issuer"
	IDIssuerUnreachable ID = "issuer_unreachable"
	IDIssuerTLS         ID = "issuer_tls"
	IDIssuerAddress     ID = "issuer_address"
	IDIssuerRedirect    ID = "issuer_redirect"
	IDIssuerMetadata    ID = "issuer_metadata"
	IDIssuerMismatch    ID = "issuer_mismatch"
	IDCAFile            ID = "ca_file"
	IDCertificateExpiry ID = "certificate_expiry"
	IDClock             ID = "clock"
	IDClockDrift        ID = "clock_drift"
	IDClockSkew         ID = "clock_skew"
	IDKeys              ID = "keys"
	IDKeysUnavailable   ID = "keys_unavailable"
	IDKeysUnusable      ID = "keys_unusable"
	IDKeySkipped        ID = "key_skipped"
	IDKeyAlgorithm      ID = "key_algorithm"
	IDLogin             ID = "login"
	IDLoginMetadata     ID = "login_metadata"
	IDLoginPKCE         ID = "login_pkce"
	IDScopes            ID = "scopes"
	IDScopeNotOffered   ID = "scope_not_offered"
	IDAudienceUnlisted  ID = "audience_unlisted"
)

// IDs of findings about introspection.
const (
	IDIntrospection            ID = "introspection"
	IDIntrospectionEndpoint    ID = "introspection_endpoint"
	IDIntrospectionCredentials ID = "introspection_credentials"
	IDIntrospectionMethod      ID = "introspection_method"
	IDIntrospectionSignature   ID = "introspection_signature"
	IDIntrospectionActive      ID = "introspection_active"
	IDSecretForm               ID = "secret_form"
)

// IDs of findings about the exchange of tokens (on_behalf_of).
const (
	IDExchange         ID = "exchange"
	IDExchangeEndpoint ID = "exchange_endpoint"
	IDExchangeGrant    ID = "exchange_grant"
	IDExchangeMethod   ID = "exchange_method"
)

// IDs of findings about the token.
const (
	IDTokenAccepted   ID = "token"
	IDTokenAudience   ID = "token_audience"
	IDTokenIssuer     ID = "token_issuer"
	IDTokenRejected   ID = "token_rejected"
	IDTokenPermission ID = "token_permission"
)

// IDs of findings about the public URLs.
const (
	IDPublicUnreachable      ID = "public_unreachable"
	IDPublicTLS              ID = "public_tls"
	IDPublicHTTP             ID = "public_http"
	IDPublicPlaintext        ID = "public_plaintext"
	IDPublicRedirect         ID = "public_redirect"
	IDPublicPath             ID = "public_path"
	IDPublicMetadata         ID = "public_metadata"
	IDPublicMetadataWrong    ID = "public_metadata_wrong"
	IDPublicMetadataDiffers  ID = "public_metadata_differs"
	IDPublicChallenge        ID = "public_challenge"
	IDPublicChallengeMissing ID = "public_challenge_missing"
	IDPublicChallengeDiffers ID = "public_challenge_differs"
	IDPublicUnprotected      ID = "public_unprotected"
	IDPublicStatus           ID = "public_status"
	IDPublicCached           ID = "public_cached"
	IDPublicOrigin           ID = "public_origin"
	IDPublicProxy            ID = "public_proxy"
	IDPublicAuthorization    ID = "public_authorization"
	IDPublicToken            ID = "public_token"
	IDCORS                   ID = "cors"
	IDCORSPreflight          ID = "cors_preflight"
	IDCORSHeaders            ID = "cors_headers"
	IDCORSMetadata           ID = "cors_metadata"
	IDTools                  ID = "tools"
	IDToolUnknown            ID = "tool_unknown"
)

// A kind is what all findings with an ID have in common.
type kind struct {
	severity Severity
	meaning  string // what it means to users
}

// kinds has all IDs.
var kinds = map[ID]kind{
	IDInvalidConfig: {SeverityError, "The configuration has a mistake. A server does not start with it, and a running server keeps its previous configuration."},
	IDDisabled:      {SeverityError, "The configuration is switched off. A program that loads it has no protection to serve with."},
	IDPlainHTTP:     {SeverityWarning, "Everyone on the network can read the tokens, or replace the signing keys of the issuer."},
	IDTimeOver:      {SeverityError, "The check did not finish, so it may have missed a mistake."},
	IDNotChecked:    {SeverityNotChecked, "It is not known whether this is right."},

	IDIssuer:            {SeverityOK, "The metadata of the issuer can be read, and is that of issuer_url."},
	IDIssuerUnreachable: {SeverityError, "The server cannot reach the issuer. It rejects the tokens of the issuer with 503 until it can."},
	IDIssuerTLS:         {SeverityError, "The server does not trust the certificate of the issuer. It rejects the tokens of the issuer with 503."},
	IDIssuerAddress:     {SeverityError, "The metadata of the issuer names a host with an address that is not public. The server does not call it, and rejects the tokens of the issuer with 503."},
	IDIssuerRedirect:    {SeverityError, "The issuer answers with a redirect. The server follows none, and rejects the tokens of the issuer with 503."},
	IDIssuerMetadata:    {SeverityError, "The server finds no usable metadata of the issuer, and so no keys or no introspection endpoint. It rejects the tokens of the issuer with 503."},
	IDIssuerMismatch:    {SeverityError, "The metadata is that of another issuer than issuer_url. The server does not use it, and rejects the tokens with 503."},
	IDCAFile:            {SeverityWarning, "The certificates in ca_file have expired, or soon will. The server then does not trust the issuer, and rejects its tokens with 503."},
	IDCertificateExpiry: {SeverityWarning, "The certificate of the server expires soon. Afterwards, nobody connects to it."},
	IDClock:             {SeverityOK, "The clock agrees with that of this machine."},
	IDClockDrift:        {SeverityWarning, "The clocks differ by more than usual. If the difference grows beyond leeway_seconds, new tokens are rejected as not yet valid, or valid tokens as expired."},
	IDClockSkew:         {SeverityError, "The clocks differ by more than leeway_seconds. New tokens are rejected as not yet valid, or valid tokens as expired."},
	IDKeys:              {SeverityOK, "The issuer publishes keys with which its tokens can be verified."},
	IDKeysUnavailable:   {SeverityError, "The keys of the issuer cannot be read. The server rejects its tokens with 503."},
	IDKeysUnusable:      {SeverityError, "None of the keys of the issuer can verify a token. The server rejects its tokens."},
	IDKeySkipped:        {SeverityWarning, "The server does not use this key. It rejects the tokens that are signed with it."},
	IDKeyAlgorithm:      {SeverityWarning, "The key is for no allowed algorithm. The server rejects the tokens that are signed with it."},
	IDLogin:             {SeverityOK, "Clients can find out where users log in."},
	IDLoginMetadata:     {SeverityWarning, "Clients cannot read the metadata of the authorization server, so their users cannot log in."},
	IDLoginPKCE:         {SeverityWarning, "The authorization server does not say that it supports PKCE with S256. MCP clients then refuse to log in."},
	IDScopes:            {SeverityOK, "The issuers offer the scopes that the configuration requires."},
	IDScopeNotOffered:   {SeverityWarning, "No issuer lists the scope. If none has it, no token grants it, and every request that needs it is rejected with 403."},
	IDAudienceUnlisted:  {SeverityWarning, "The issuer lists the resources that it issues tokens for, and no accepted audience is among them. Its tokens are then rejected with 401."},

	IDIntrospection:            {SeverityOK, "The introspection endpoint accepts the credentials, and reports a random token as inactive."},
	IDIntrospectionEndpoint:    {SeverityError, "The introspection endpoint does not answer as it should. The server rejects the tokens with 503."},
	IDIntrospectionCredentials: {SeverityError, "The introspection endpoint rejects the credentials of the server. The server rejects the tokens with 503."},
	IDIntrospectionMethod:      {SeverityError, "The issuer does not support the method with which the server authenticates at the introspection endpoint. The server rejects the tokens with 503."},
	IDIntrospectionSignature:   {SeverityError, "The answers of the introspection endpoint are not signed as introspection_signed_answers requires. The server rejects the tokens with 503."},
	IDIntrospectionActive:      {SeverityError, "The introspection endpoint reports a random text as an active token. EVERYONE CAN USE THE SERVER."},
	IDSecretForm:               {SeverityError, "The introspection endpoint rejects the credentials, and their form is unusual. The server rejects the tokens with 503."},

	IDExchange:         {SeverityOK, "The metadata of the issuer names its token endpoint, and nothing in it excludes the exchange of tokens."},
	IDExchangeEndpoint: {SeverityError, "The server finds no token endpoint of the issuer. It gets no tokens for other servers."},
	IDExchangeGrant:    {SeverityWarning, "The issuer does not list the grant with which the server exchanges tokens. The issuer then probably rejects each exchange."},
	IDExchangeMethod:   {SeverityWarning, "The issuer does not list the method with which the server authenticates at the token endpoint. The issuer then probably rejects each exchange."},

	IDTokenAccepted:   {SeverityOK, "This configuration accepts the token."},
	IDTokenAudience:   {SeverityError, "The token is for another server. This server rejects such tokens with 401, also after a new login."},
	IDTokenIssuer:     {SeverityError, "The token is from an issuer that the configuration does not have. The server rejects such tokens with 401, also after a new login."},
	IDTokenRejected:   {SeverityError, "This configuration rejects the token."},
	IDTokenPermission: {SeverityWarning, "The token is valid, but does not permit a client to list the tools. Its requests are rejected with 403."},

	IDPublicUnreachable:      {SeverityError, "The public URL does not answer. Clients cannot use the server."},
	IDPublicTLS:              {SeverityError, "The certificate at the public URL is not trusted. Clients do not connect."},
	IDPublicHTTP:             {SeverityError, "The public URL begins with https, and the server there speaks http. Clients cannot connect."},
	IDPublicPlaintext:        {SeverityWarning, "The server also answers over http. A client with a URL that begins with http sends its tokens so that everyone on the network can read them."},
	IDPublicRedirect:         {SeverityError, "The public URL answers with a redirect. Clients lose their token or the body of their request on it, or reject the metadata."},
	IDPublicPath:             {SeverityError, "The proxy removes the beginning of the path, and the server does not know it. Clients do not find the metadata, so their users cannot log in."},
	IDPublicMetadata:         {SeverityOK, "Clients can read the metadata of the server, and it is that of this configuration."},
	IDPublicMetadataWrong:    {SeverityError, "Clients do not get the metadata of the server where the challenge says that it is, so their users cannot log in."},
	IDPublicMetadataDiffers:  {SeverityError, "Clients get other metadata than this configuration has. They reject it, or their users log in elsewhere or without the scopes."},
	IDPublicChallenge:        {SeverityOK, "A request without a token gets the challenge of this configuration."},
	IDPublicChallengeMissing: {SeverityError, "The response to a request without a token has no challenge (WWW-Authenticate). Clients do not learn where to log in."},
	IDPublicChallengeDiffers: {SeverityError, "The response to a request without a token has another challenge than this configuration. Clients look for the metadata elsewhere, or request other scopes."},
	IDPublicUnprotected:      {SeverityError, "A request without a token is accepted. THE SERVER IS NOT PROTECTED."},
	IDPublicStatus:           {SeverityError, "A request without a token gets another status than this configuration gives it. Clients do not log in."},
	IDPublicCached:           {SeverityError, "A cache between the clients and the server stores responses, or may store them. A client can get the response to another one."},
	IDPublicOrigin:           {SeverityWarning, "The server does not see which web page a request is from, and so does not reject requests of pages that are not in allowed_origins."},
	IDPublicProxy:            {SeverityOK, "What is between the clients and the server passes on Origin, and stores no responses to requests without a token."},
	IDPublicAuthorization:    {SeverityError, "The field Authorization of requests does not reach the server, so it rejects every token with 401. Clients log in again and again."},
	IDPublicToken:            {SeverityError, "This configuration accepts the token, and the server at the public URL rejects it."},
	IDCORS:                   {SeverityOK, "Web pages of allowed_origins can use the server."},
	IDCORSPreflight:          {SeverityError, "Browsers do not send requests of web pages of allowed_origins, because the response to the preflight does not permit them."},
	IDCORSHeaders:            {SeverityError, "Web pages of allowed_origins cannot read the responses, or not the challenge in them. Their users cannot log in."},
	IDCORSMetadata:           {SeverityError, "Web pages of allowed_origins cannot read the metadata of the server. Their users cannot log in."},
	IDTools:                  {SeverityOK, "The server has all tools that rules name."},
	IDToolUnknown:            {SeverityWarning, "A rule names a tool that the server does not list. If the name is misspelled, the rule does not protect the tool that it is meant for."},
}

// IDs returns all IDs, sorted.
func IDs() []ID { return slices.Sorted(maps.Keys(kinds)) }

// Severity returns the severity of the findings with the ID, or "" for an unknown one.
func (id ID) Severity() Severity { return kinds[id].severity }

// Meaning returns what the findings with the ID mean to users, or "" for an unknown ID.
func (id ID) Meaning() string { return kinds[id].meaning }
