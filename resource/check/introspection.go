package check

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
)

// checkIntrospection calls the introspection endpoint with a random token.
func (i *issuerRun) checkIntrospection(ctx context.Context) {
	if i.parts.Introspection == nil {
		return
	}
	t := i.parts.Introspection.Try(ctx)
	subject := t.Endpoint
	if subject == "" {
		subject = i.name
	}
	switch failed, _ := errors.AsType[*resource.Error](t.Err); {
	case t.Err == nil && t.Active:
		i.add(IDIntrospectionActive, subject, "a random text is active", "correct "+i.key("introspection_endpoint")+": the endpoint there does not check tokens")
	case t.Err == nil:
		i.add(IDIntrospection, subject, "it accepts the method "+t.Method, "")
	case failed == nil:
		i.add(IDIntrospectionEndpoint, subject, errorText(t.Err), i.endpointFix())
	default:
		i.addTrialError(subject, t, failed)
	}
}

func (i *issuerRun) endpointFix() string {
	return "set " + i.key("introspection_endpoint") + " to the URL of the introspection endpoint"
}

// addTrialError adds the finding for a trial that has failed.
func (i *issuerRun) addTrialError(subject string, t introspect.Trial, failed *resource.Error) {
	cause := failed.Err
	if cause == nil {
		cause = failed
	}
	switch failed.Reason {
	case resource.ReasonIntrospectionDiscovery:
		if !i.addDiscovery(cause) {
			i.failed = true
			i.add(IDIntrospectionEndpoint, subject, errorText(cause), i.endpointFix())
		}
	case resource.ReasonIntrospectionCredentials:
		i.addCredentials(subject, t, cause)
	case resource.ReasonIntrospectionRateLimited:
		i.add(IDNotChecked, subject, errorText(cause), "")
	case resource.ReasonIntrospectionUnproven:
		i.add(IDIntrospectionSignature, subject, errorText(cause), "switch on signed answers (RFC 9701) for the client at the issuer, or remove "+i.key("introspection_signed_answers"))
	case resource.ReasonIntrospectionContentType:
		i.addContentType(subject, cause)
	case resource.ReasonKeysUnavailable:
		i.addKeysError(cause)
	default:
		if e, ok := errors.AsType[*outbound.Error](cause); ok && e.Outcome != outbound.Redirect && i.addNetwork(cause) {
			return
		}
		i.add(IDIntrospectionEndpoint, subject, errorText(cause), i.endpointFix())
	}
}

func (i *issuerRun) addContentType(subject string, cause error) {
	if i.settings.IntrospectionSignedAnswers {
		i.add(IDIntrospectionSignature, subject, errorText(cause), "switch on signed answers (RFC 9701) for the client at the issuer, or remove "+i.key("introspection_signed_answers"))
		return
	}
	i.add(IDIntrospectionEndpoint, subject, errorText(cause), i.endpointFix())
}

// addCredentials adds the finding for credentials that the endpoint rejects: the method that the
// issuer does not list, the form of the secret, or the credentials themselves.
func (i *issuerRun) addCredentials(subject string, t introspect.Trial, cause error) {
	methods := i.authMethods()
	registered := strings.TrimSuffix(t.Method, "_raw")
	switch {
	case len(methods) > 0 && registered != introspect.Bearer && !slices.Contains(methods, registered):
		i.add(IDIntrospectionMethod, subject, "the issuer lists the methods "+some(methods)+", and the server uses "+t.Method,
			"set "+i.key("introspection_auth_method")+" to "+strings.Join(usableMethods(methods), " or "))
	case t.Note != "":
		i.add(IDSecretForm, subject, errorText(cause), i.secretFix(t)) // the cause has the note
	default:
		i.add(IDIntrospectionCredentials, subject, errorText(cause), "correct "+i.credentialKeys(t.Method)+", and permit the client to introspect tokens at the issuer")
	}
}

// authMethods returns the methods that the issuer lists for the endpoint, or else for its token endpoint
// (RFC 8414 §2).
func (i *issuerRun) authMethods() []string {
	if i.document == nil {
		return nil
	}
	if methods := i.document.lists[introspectionAuth]; len(methods) > 0 {
		return methods
	}
	return i.document.lists[tokenAuth]
}

// usableMethods returns those of the methods that the server supports.
func usableMethods(methods []string) []string {
	var usable []string
	for _, m := range []string{introspect.ClientSecretBasic, introspect.ClientSecretPost, introspect.PrivateKeyJWT, introspect.TLSClientAuth} {
		if slices.Contains(methods, m) {
			usable = append(usable, m)
		}
	}
	if usable == nil {
		return []string{"a method that the issuer supports"}
	}
	return usable
}

// secretFix says what to do about the unusual form of a secret.
func (i *issuerRun) secretFix(t introspect.Trial) string {
	if strings.Contains(t.Note, introspect.ClientSecretBasicRaw) {
		return "correct " + i.credentialKeys(t.Method) + ", or set " + i.key("introspection_auth_method") + " to " + introspect.ClientSecretBasicRaw + " or " + introspect.ClientSecretPost
	}
	return "remove the white space in " + i.credentialKeys(t.Method)
}

// credentialKeys returns the keys of the file with the credentials.
func (i *issuerRun) credentialKeys(method string) string {
	s := i.settings
	prefix := ""
	if s.IntrospectionClientID != "" {
		prefix = "introspection_"
	}
	file := func(key string, isFile bool) string {
		if isFile {
			key += "_file"
		}
		return i.key(key)
	}
	id := i.key(prefix + "client_id")
	switch method {
	case introspect.Bearer:
		return file("introspection_bearer_token", s.IntrospectionBearerTokenFile != "")
	case introspect.PrivateKeyJWT:
		return id + " or " + i.key("introspection_private_key_file")
	case introspect.TLSClientAuth:
		return id + " or " + i.key("tls_client_certificate_file")
	}
	return id + " or " + file(prefix+"client_secret", s.ClientSecretFile != "" && prefix == "" || s.IntrospectionClientSecretFile != "" && prefix != "")
}
