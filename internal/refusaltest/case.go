package refusaltest

import (
	"slices"
	"strings"

	"github.com/warder-go/warder/resource"
)

// A Case is a request to which several refusals apply.
type Case struct {
	Name   string
	way    way
	faults []fault // in the order of the table
}

// Cases returns all combinations of up to n refusals that can apply to one request, for each way
// in which the caller becomes known.
func Cases(n int) (cases []Case) {
	for w := range way(len(ways)) {
		var possible []fault
		for _, f := range faults {
			if slices.Contains(f.ways, w) {
				possible = append(possible, f.in(w))
			}
		}
		slices.SortStableFunc(possible, func(a, b fault) int { return a.row - b.row })
		cases = append(cases, combinations(Case{Name: ways[w], way: w}, possible, n)...)
	}
	return cases
}

// combinations returns the extensions of base by one to n of the possible faults.
func combinations(base Case, possible []fault, n int) (cases []Case) {
	if n == 0 {
		return nil
	}
	for i, f := range possible {
		if slices.ContainsFunc(base.faults, f.conflicts) {
			continue
		}
		c := Case{Name: base.Name + ", " + f.name, way: base.way, faults: append(slices.Clone(base.faults), f)}
		cases = append(cases, c)
		cases = append(cases, combinations(c, possible[i+1:], n-1)...)
	}
	return cases
}

// outcome is what the client and the observers get.
type outcome struct {
	status    int
	reason    resource.Reason
	challenge string
}

// want returns the outcome of the first fault in the table.
func (c Case) want() outcome {
	f := c.faults[0]
	o := outcome{status: Order[f.row].Status, reason: f.reason}
	switch f.reason {
	case resource.ReasonMissingCredentials:
		o.status, o.challenge = 401, `, scope="base"`
	case resource.ReasonMalformedRequest:
		o.challenge = `, error="invalid_request", error_description="The credentials are malformed, or more than one"`
	case resource.ReasonExpired:
		o.challenge = `, scope="base", error="invalid_token", error_description="The access token expired"`
	case resource.ReasonAPIKeyUnknown:
		o.challenge = `, scope="base", error="invalid_token", error_description="The API key is invalid"`
	case resource.ReasonInsufficientScope:
		o.challenge = `, scope="` + strings.Join(c.neededScopes(), " ") + `", error="insufficient_scope", error_description="The access token lacks a scope that this request needs"`
	case resource.ReasonInsufficientAuthentication:
		o.challenge = c.loginChallenge()
	default:
		if text := possessionError(f.reason); text != "" && o.status == 401 {
			o.challenge = `, scope="base", ` + text
		} else if o.status == 401 {
			o.challenge = `, scope="base", error="invalid_token", error_description="The access token is invalid"`
		}
	}
	if c.way == header { // its credential is not an access token
		o.challenge = strings.Replace(o.challenge, "access token", "credential", 1)
	}
	switch {
	case o.challenge == "":
	case c.way == boundJWT:
		o.challenge = c.twoChallenges(o.challenge)
	default:
		o.challenge = pointer + o.challenge
	}
	return o
}

// loginChallenge returns the challenge for a login: it names what all faults need that a login can
// add.
func (c Case) loginChallenge() (challenge string) {
	values := `acr_values="silver gold"`
	for _, f := range c.faults {
		switch {
		case f.row == rowLogin && f.uses == "operation":
			values = `acr_values="gold", max_age="60"`
		case f.row == rowScope:
			challenge = `, scope="` + strings.Join(c.neededScopes(), " ") + `"`
		}
	}
	return challenge + `, error="insufficient_user_authentication", error_description="The login of the user is not strong or recent enough for this request", ` + values
}

// neededScopes returns the scopes that a challenge names: those of all faults that are decided
// together.
func (c Case) neededScopes() []string {
	needed := []string{"base"}
	for _, f := range c.faults {
		switch {
		case f.row == rowRequire && c.faults[0].row == rowRequire:
			needed = append(needed, "extra")
		case f.row == rowScope && f.uses == "operation":
			needed = append(needed, "admin")
		}
	}
	return needed
}
