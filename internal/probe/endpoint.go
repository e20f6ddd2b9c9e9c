package probe

import (
	"fmt"
	"net/http"

	"github.com/warder-go/warder/internal/outbound"
)

// endpointChecks are about requests without a token.
func endpointChecks() []check {
	return []check{
		{"endpoint-https", mcpSecure, Must, "The URL begins with https, except on a loopback host.", judgeHTTPS},
		{"endpoint-redirect", mcpErrors, Must, "A POST without a token gets 401 at this URL, and not a redirect to another one.", func(e *evidence) verdict {
			return goodIf(!e.post.isRedirect(), e.post.describe())
		}},
		{"no-token-post", mcpErrors, Must, "A POST of initialize without a token gets 401.", func(e *evidence) verdict {
			if e.post.isRedirect() {
				return notApplicable("the server redirects: see endpoint-redirect")
			}
			return goodIf(e.post.status == http.StatusUnauthorized, e.post.describe())
		}},
		{"no-token-get", mcpRequirements, Must, "A GET without a token is not accepted.", notAccepted(func(e *evidence) reply { return e.get })},
		{"no-token-delete", mcpRequirements, Must, "A DELETE without a token is not accepted.", notAccepted(func(e *evidence) reply { return e.remove })},
		{"get-401", mcpErrors, Should, "A GET without a token gets 401, before 405 and 406. Some clients send it first and look for the challenge.", gets401(func(e *evidence) reply { return e.get })},
		{"head-401", mcpErrors, Should, "A HEAD without a token gets 401.", gets401(func(e *evidence) reply { return e.head })},
		{"delete-401", mcpErrors, Should, "A DELETE without a token gets 401.", gets401(func(e *evidence) reply { return e.remove })},
		{"options-status", "RFC 9110 §9.3.7", Should, "An OPTIONS request that is not a preflight does not get a 5xx status.", func(e *evidence) verdict {
			return answered(e.options, func(r reply) verdict { return goodIf(r.status < 500, r.describe()) })
		}},
		{"error-body", "MCP 2025-11-25 transports, Sending Messages to the Server", Should, "The body of a 401 is empty or JSON, with the content type application/json.", judgeErrorBody},
		{"error-details", "RFC 6750 §5.3", Should, "A rejection has no stack trace and no address of an internal connection.", judgeErrorDetails},
	}
}

func judgeHTTPS(e *evidence) verdict {
	return goodIf(e.target.Scheme == "https" || outbound.IsLoopbackHost(e.target.Hostname()), "scheme "+e.target.Scheme)
}

func notAccepted(of func(*evidence) reply) func(*evidence) verdict {
	return func(e *evidence) verdict {
		return answered(of(e), func(r reply) verdict { return goodIf(!r.ok(), r.describe()) })
	}
}

// gets401 judges the status of a rejection. Accepted requests belong to another check.
func gets401(of func(*evidence) reply) func(*evidence) verdict {
	return func(e *evidence) verdict {
		r := of(e)
		switch {
		case r.err != nil:
			return notChecked(r.describe())
		case r.ok() || r.isRedirect():
			return notApplicable("the request was not rejected: " + r.describe())
		}
		return goodIf(r.status == http.StatusUnauthorized, r.describe())
	}
}

// rejections returns the responses with 401 to messages.
func (e *evidence) rejections() (found []reply) {
	for _, r := range e.sender.all {
		if r.status == http.StatusUnauthorized && r.isMessage() {
			found = append(found, r)
		}
	}
	return found
}

func judgeErrorBody(e *evidence) verdict {
	if e.post.status != http.StatusUnauthorized {
		return notApplicable("no 401 without a token")
	}
	for _, r := range []reply{e.post, e.rejected["garbage-token"].reply} {
		if r.body == "" || r.status != http.StatusUnauthorized {
			continue
		}
		if media := mediaType(r.header); media != "application/json" {
			return bad(fmt.Sprintf("content type %q: %s", media, r.body))
		}
		if _, err := readObject([]byte(r.body)); err != nil {
			return bad("not a JSON object: " + err.Error())
		}
	}
	return good("as wanted")
}

// tellTales are texts that only details of an implementation contain.
var tellTales = []string{"goroutine ", "Traceback (most recent call last)", "\n    at ", "panic:", "dial tcp", "ECONNREFUSED", "node_modules/", "site-packages/"}

func judgeErrorDetails(e *evidence) verdict {
	if len(e.sender.all) == 0 {
		return notApplicable("no response")
	}
	for _, r := range e.sender.all {
		if r.status < 400 || !r.isMessage() {
			continue
		}
		for _, text := range tellTales {
			if contains(r, text) {
				return bad(fmt.Sprintf("a response with status %d contains %q", r.status, text))
			}
		}
	}
	return good("as wanted")
}
