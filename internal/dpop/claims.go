package dpop

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/internal/strictjson"
)

// Limits of proofs. Proofs of clients have less than 1 KiB, or 2 KiB with an RSA key.
const (
	maxProofBytes = 4 << 10
	maxIDBytes    = 256 // jti
	maxNonceBytes = 256 // nonce
)

// claims are the claims of a proof (RFC 9449 §4.2).
type claims struct {
	id, method, url, nonce string
	issuedAt               time.Time
	token                  [32]byte // ath
}

var claimNames = strictjson.NewNames("jti", "htm", "htu", "iat", "ath", "nonce")

// required are the claims that a proof with an access token must have.
var required = []string{"jti", "htm", "htu", "iat", "ath"}

func parseClaims(payload []byte) (c claims, err error) {
	seen := make([]string, 0, 8) // room for all names of claims
	err = strictjson.Object(payload, claimNames, func(name string, value jsontext.Value) (err error) {
		seen = append(seen, name)
		switch name {
		case "jti":
			c.id, err = text(value, maxIDBytes)
		case "htm":
			c.method, err = text(value, maxProofBytes)
		case "htu":
			c.url, err = text(value, maxProofBytes)
		case "iat":
			c.issuedAt, err = wholeSeconds(value)
		case "ath":
			c.token, err = thumbprint(value)
		case "nonce":
			c.nonce, err = text(value, maxNonceBytes)
		}
		return err
	})
	if err != nil {
		return claims{}, fmt.Errorf("dpop: claims: %w", err)
	}
	for _, name := range required {
		if !slices.Contains(seen, name) {
			return claims{}, fmt.Errorf("dpop: claims: no %s", name)
		}
	}
	return c, nil
}

// text reads a string that is not empty.
func text(value jsontext.Value, limit int) (string, error) {
	s, err := strictjson.String(value)
	switch {
	case err != nil:
		return "", err
	case s == "":
		return "", errors.New("is empty")
	case len(s) > limit:
		return "", fmt.Errorf("is longer than %d bytes", limit)
	}
	return s, nil
}

// wholeSeconds reads a time without a fraction, as every client writes it.
func wholeSeconds(value jsontext.Value) (time.Time, error) {
	if strings.Trim(string(value), "0123456789") != "" {
		return time.Time{}, errors.New("is not a number of whole seconds")
	}
	return jose.NumericDate(value)
}

func thumbprint(value jsontext.Value) (digest [32]byte, err error) {
	s, err := strictjson.String(value)
	if err != nil {
		return digest, err
	}
	digest, ok := jose.ParseThumbprint(s)
	if !ok {
		return digest, errors.New("is not the base64url of 32 bytes")
	}
	return digest, nil
}

// maxShownMethodBytes is the length of the longest htm that an error shows.
const maxShownMethodBytes = 32

// shownMethod returns htm if it can be the name of a method, and not a token or another secret.
func shownMethod(htm string) string {
	if len(htm) > maxShownMethodBytes || strings.Trim(htm, "-ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") != "" {
		return ""
	}
	return htm
}

// check compares the claims with a request and an access token.
func (c *claims) check(want *Expected) *Error {
	if c.method != want.Method {
		return &Error{Kind: Method, Got: shownMethod(c.method), Want: want.Method}
	}
	if c.url != want.URL {
		// normal is "" if the URL is malformed. It never has a password or a query. If want.URL is ""
		// too, the URL of the request is malformed, and no proof is for it.
		if normal, err := Normalize(c.url); err != nil || normal != want.URL {
			return &Error{Kind: URL, Got: normal, Want: want.URL, Err: err}
		}
	}
	// Sub returns the smallest Duration for a time more than 292 years ahead. It has no positive
	// counterpart, so age must not be negated.
	if age := want.Now.Sub(c.issuedAt); age >= want.Window+time.Second || age < -want.Window {
		return &Error{Kind: Time, Got: "iat " + c.issuedAt.UTC().Format(time.RFC3339),
			Want: "within " + strconv.Itoa(int(want.Window/time.Second)) + " s of " + want.Now.UTC().Format(time.RFC3339)}
	}
	if subtle.ConstantTimeCompare(c.token[:], want.Token[:]) != 1 {
		return &Error{Kind: Token, Err: errors.New("dpop: ath is not the digest of the access token")}
	}
	return nil
}
