package probe

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/warder-go/warder/internal/outbound"
)

// mediaType returns the media type of a response without parameters.
func mediaType(h http.Header) string {
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return media
}

// texts returns everything that a server has sent in a response.
func (r reply) texts() []string {
	all := []string{r.body}
	for name, values := range r.header {
		all = append(all, name)
		all = append(all, values...)
	}
	return all
}

// contains reports whether the body or the header of a response contains a text.
func contains(r reply, text string) bool {
	return slices.ContainsFunc(r.texts(), func(t string) bool { return strings.Contains(t, text) })
}

// reflects reports whether a response contains a part of a token.
func reflects(r reply, parts map[string]bool) bool {
	return slices.ContainsFunc(r.texts(), func(t string) bool {
		for i := 0; i+reflectedPart <= len(t); i++ {
			if parts[t[i:i+reflectedPart]] {
				return true
			}
		}
		return false
	})
}

// isSecure reports whether clients may use a URL: absolute, with https or on a loopback host.
func isSecure(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && u.User == nil && u.Fragment == "" &&
		(u.Scheme == "https" || u.Scheme == "http" && outbound.IsLoopbackHost(u.Hostname()))
}

// bearerOf returns the first Bearer challenge.
func bearerOf(all []challenge) (challenge, bool) {
	for _, c := range all {
		if strings.EqualFold(c.scheme, "Bearer") {
			return c, true
		}
	}
	return challenge{}, false
}

// allows reports whether a header field with a list of names has a name. wildcard says whether "*"
// stands for it (Fetch, CORS protocol).
func allows(h http.Header, field, name string, wildcard bool) bool {
	for _, value := range h.Values(field) {
		for item := range strings.SplitSeq(value, ",") {
			if item = strings.TrimSpace(item); strings.EqualFold(item, name) || wildcard && item == "*" {
				return true
			}
		}
	}
	return false
}

// allowsOrigin reports whether pages of an origin can read the response.
func allowsOrigin(r reply, origin string) bool {
	values := r.header.Values("Access-Control-Allow-Origin")
	return len(values) == 1 && (values[0] == "*" || values[0] == origin)
}
