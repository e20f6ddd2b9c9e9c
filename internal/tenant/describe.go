package tenant

import (
	"fmt"
	"strings"
)

// maxDescribed is the number of issuers that Describe lists.
const maxDescribed = 5

// Describe lists issuer identifiers and patterns for a log, or only the one that differs from issuer
// in a slash at the end.
func Describe(ids []string, issuer string) string {
	other, ok := strings.CutSuffix(issuer, "/")
	if !ok {
		other += "/"
	}
	for _, id := range ids {
		if _, matches := Match(id, other); id == other || matches {
			return id + " (it differs in the slash at the end, which counts)"
		}
	}
	if more := len(ids) - maxDescribed; more > 0 {
		ids = append(ids[:maxDescribed:maxDescribed], fmt.Sprintf("%d more", more))
	}
	return strings.Join(ids, " or ")
}
