package securityevents

import (
	"crypto/subtle"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/warder-go/warder/internal/configerr"
	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/internal/secretfile"
)

// authorizationInterval is the shortest time between two reads of Config.AuthorizationFile, so that
// requests without authorization do not read files.
const authorizationInterval = time.Second // between two reads of the file

// authorization is the expected value of the header field Authorization. It holds a digest, so printing it
// cannot print the secret.
type authorization struct {
	required bool
	file     *secretfile.File // nil: the value is part of the configuration

	mu     sync.Mutex // guards the fields below
	digest digest.Digest
	err    error // of the last read
	readAt time.Time
}

func newAuthorization(c Config) *authorization {
	a := &authorization{required: c.Authorization != "" || c.AuthorizationFile != "", digest: digest.Of(c.Authorization)}
	if c.AuthorizationFile != "" {
		a.file = secretfile.New(c.AuthorizationFile)
	}
	return a
}

// check returns the rejection of a request, or nil. Several fields are rejected, because servers
// differ in which one they use.
func (a *authorization) check(header http.Header) *rejection {
	if !a.required {
		return nil
	}
	values := header["Authorization"]
	if len(values) != 1 || values[0] == "" {
		return &rejection{result: resultAuthorizationMissing}
	}
	want, err := a.expected()
	if err != nil {
		return &rejection{result: resultAuthorizationUnavailable, err: err}
	}
	got := digest.Of(values[0])
	if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
		return &rejection{result: resultAuthorizationWrong}
	}
	return nil
}

// expected returns the digest of the expected value.
func (a *authorization) expected() (digest.Digest, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.file == nil {
		return a.digest, nil
	}
	if now := time.Now(); a.readAt.IsZero() || now.Sub(a.readAt) >= authorizationInterval {
		value, err := a.file.Read()
		a.digest, a.err, a.readAt = digest.Of(value), err, now
	}
	return a.digest, a.err
}

func (c Config) checkAuthorization(mistakes *configerr.List) {
	if c.Authorization != "" && c.AuthorizationFile != "" {
		mistakes.Addf("Authorization, AuthorizationFile: both are set; keep one")
	}
	// net/http drops white space around the value of a field, so such a secret would never match.
	invalid := func(r rune) bool { return r < ' ' || r > '~' }
	if strings.ContainsFunc(c.Authorization, invalid) || strings.TrimSpace(c.Authorization) != c.Authorization {
		mistakes.Addf("Authorization: cannot be the value of a header field: use visible ASCII, without spaces around it")
	}
}
