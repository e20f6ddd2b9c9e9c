package introspect

import "github.com/warder-go/warder/internal/oauthendpoint"

// endpointSetting is the setting of the endpoint's URL, in the configuration file and here.
const endpointSetting = "introspection_endpoint (in Go: Endpoint)"

// explain completes the failure of a call for the log: with the request, the response and the
// setting that fixes it.
func explain(f *failure, x oauthendpoint.Exchange) {
	f.Response = x.Describe(f.ErrorCode)
	if f.Outcome != inactive && f.Outcome != keysUnavailable { // these are not about the response
		f.Err = x.Explain(f.Outcome, f.ErrorCode, f.Err)
	}
}

// credentialSetting returns where the credentials are configured, in the configuration file
// and in Go.
func credentialSetting(method string) string {
	key := "client_id and client_secret"
	switch method {
	case Bearer:
		key = "introspection_bearer_token"
	case PrivateKeyJWT:
		key = "client_id and introspection_private_key_file"
	case TLSClientAuth:
		key = "client_id and tls_client_certificate_file"
	}
	return key + " (in Go: Auth)"
}
