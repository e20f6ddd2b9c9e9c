package callguard

import (
	"time"

	"github.com/warder-go/warder/internal/configerr"
)

// Defaults and bounds of Limits.
const (
	defaultTimeout       = 5 * time.Second
	minTimeout           = 100 * time.Millisecond
	maxTimeout           = 30 * time.Second
	defaultMaxConcurrent = 32
	maxMaxConcurrent     = 1024
)

// Limits limit the calls to one endpoint.
type Limits struct {
	Timeout       time.Duration // of one call with its wait, of which two fifths at most are the wait; 0: 5 s
	MaxConcurrent int           // calls at one time; up to 1024 more wait; 0: 32
}

// Check adds the mistakes in the limits. It names the fields Timeout and MaxConcurrent.
func (l Limits) Check(mistakes *configerr.List) {
	if l.Timeout != 0 && (l.Timeout < minTimeout || l.Timeout > maxTimeout) {
		mistakes.Addf("Timeout: %s is not between %s and %s", l.Timeout, minTimeout, maxTimeout)
	}
	if l.MaxConcurrent < 0 || l.MaxConcurrent > maxMaxConcurrent {
		mistakes.Addf("MaxConcurrent: %d is not between 1 and %d", l.MaxConcurrent, maxMaxConcurrent)
	}
}

// WithDefaults returns the limits with the defaults in place of 0.
func (l Limits) WithDefaults() Limits {
	if l.Timeout == 0 {
		l.Timeout = defaultTimeout
	}
	if l.MaxConcurrent == 0 {
		l.MaxConcurrent = defaultMaxConcurrent
	}
	return l
}
