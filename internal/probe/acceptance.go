package probe

// acceptanceChecks are about a valid token. They show that the server does not reject everything.
func acceptanceChecks() []check {
	return []check{
		{"valid-token", mcpHandling, Must, "A valid token is accepted.", func(e *evidence) verdict {
			if e.control == "" && e.controlReply.request == nil {
				return notChecked(e.controlWhy)
			}
			return goodIf(e.control != "", e.controlReply.describe())
		}},
		{"scheme-case", "RFC 9110 §11.1", Should, "The scheme is compared without regard to case: bearer is accepted too.", withControl(func(e *evidence) verdict {
			return answered(e.lowerCase, func(r reply) verdict { return goodIf(accepted(r), r.describe()) })
		})},
		{"query-token", mcpRequirements + "; RFC 9700 §4.3.2", Must, "A valid token in the query of the URL is not accepted.", withControl(func(e *evidence) verdict {
			if e.query.request == nil {
				return notChecked("needs the key of a test issuer, because servers write URLs to logs")
			}
			return answered(e.query, func(r reply) verdict { return goodIf(!e.takes(r), r.describe()) })
		})},
		{"foreign-origin", mcpOrigin, Must, "A request from a page of another site gets 403, also with a valid token.", judgeForeignOrigin},
	}
}

func withControl(judge func(*evidence) verdict) func(*evidence) verdict {
	return func(e *evidence) verdict {
		if e.control == "" {
			return notChecked(e.controlWhy)
		}
		return judge(e)
	}
}
