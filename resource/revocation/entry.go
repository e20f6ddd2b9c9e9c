package revocation

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/warder-go/warder/internal/grammar"
	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/resource"
)

// Entry says which tokens of an issuer are revoked. Issuer, Until and exactly one of TokenID, Subject,
// Client, Session, Token and AllTokens are required.
type Entry struct {
	Issuer  string // as in resource.Caller.Issuer
	TokenID string // jti of the token

	// Subject is the sub of the tokens, as logout notices have it. If Issuer.SubjectClaim is
	// set, tokens with that value of the claim are revoked too.
	Subject string

	// Client is the client_id of tokens that belong to the client itself, and of tokens
	// without a subject. Tokens of users that were issued to the client stay valid.
	Client string

	// Session is the sid of the tokens: the session of the user at the issuer.
	Session string

	// Token is the access token itself, as the client sends it after Bearer. The list keeps only an
	// HMAC of it. JSON does not contain it.
	Token string `json:"-"`

	// AllTokens revokes every token of the issuer.
	AllTokens bool

	// IssuedBy keeps tokens valid that were issued later, by the issuer's clock and at least in a
	// later second: those of a new login. Zero keeps none. A token without iat is always
	// revoked. It cannot be combined with TokenID and Token.
	IssuedBy time.Time

	// Until is when the last of the tokens expires. The entry ends
	// [resource.MaxLeeway] later, when no resource accepts the tokens any more, and in February
	// 2106 at the latest.
	Until time.Time
}

// Format formats the entry without its Token.
func (e Entry) Format(f fmt.State, verb rune) {
	type plain Entry
	if e.Token != "" {
		e.Token = "[redacted]"
	}
	_, _ = fmt.Fprintf(f, fmt.FormatString(f, verb), plain(e))
}

// kind is what an entry names. It is the first byte of Record.Name, so the numbers must not change.
type kind byte

const (
	byTokenID kind = iota + 1
	bySubject
	byClient
	bySession
	byToken
	byIssuer

	kindCount = int(byIssuer) + 1
)

// kind returns what the entry names, and the name.
func (e Entry) kind() (found kind, name string, err error) {
	names := [kindCount]string{byTokenID: e.TokenID, bySubject: e.Subject, byClient: e.Client, bySession: e.Session, byToken: e.Token}
	count := 0
	for k, text := range names {
		if text != "" {
			found, name = kind(k), text
			count++
		}
	}
	if e.AllTokens {
		found, name = byIssuer, ""
		count++
	}
	switch {
	case count != 1:
		return 0, "", errNames
	case found == byToken && !grammar.IsToken(name):
		return 0, "", errToken
	case found == byToken:
		digest := jose.TokenDigest(name)
		name = string(digest[:])
	}
	return found, name, nil
}

// Errors of kind.
var (
	errNames = errors.New("set exactly one of TokenID, Subject, Client, Session, Token and AllTokens")
	errToken = errors.New("Token is not a token: it must have the token alone, without Bearer")
)

// record returns the record of a valid entry.
func (e Entry) record(names *namer) (Record, error) {
	k, name, err := e.kind()
	switch {
	case e.Issuer == "":
		return Record{}, errors.New("revocation: Issuer is empty")
	case err != nil:
		return Record{}, fmt.Errorf("revocation: %w", err)
	case (k == byTokenID || k == byToken) && !e.IssuedBy.IsZero():
		return Record{}, errors.New("revocation: IssuedBy cannot be combined with TokenID and Token")
	case e.Until.IsZero():
		return Record{}, errors.New("revocation: Until is zero; it is when the tokens expire")
	}
	until := min(e.Until.Unix(), math.MaxUint32) // before the addition, which could overflow
	end := time.Unix(until, int64(e.Until.Nanosecond())).Add(resource.MaxLeeway + time.Second - 1)
	r := Record{Name: names.name(0, k, e.Issuer, name), Until: seconds(end)}
	if !e.IssuedBy.IsZero() {
		r.IssuedBy = max(seconds(e.IssuedBy), 1) // 0 stands for every token
	}
	return r, nil
}

// seconds returns a time in seconds since 1970 that a table can hold.
func seconds(t time.Time) int64 { return min(max(t.Unix(), 0), math.MaxUint32) }
