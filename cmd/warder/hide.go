package main

import (
	"fmt"
	"regexp"
	"strconv"
)

const maxShownArgument = 15 // length of the longest argument that an error quotes, in bytes: a longer one can be a token

// longQuoted matches a quoted value that is longer than maxShownArgument, in an error about arguments.
var longQuoted = regexp.MustCompile(`"[^"]{` + strconv.Itoa(maxShownArgument+1) + `,}"`)

// startOfJWT matches the text of a JWT, or of its beginning.
var startOfJWT = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{13,}[A-Za-z0-9_.-]*`)

// shown returns an argument for an error.
func shown(argument string) string {
	if len(argument) > maxShownArgument {
		return fmt.Sprintf("of %d characters", len(argument))
	}
	return strconv.Quote(argument)
}

// hideTokens returns the text of an error without JWTs, such as one instead of the name of a file.
func hideTokens(text string) string { return startOfJWT.ReplaceAllString(text, "[redacted token]") }
