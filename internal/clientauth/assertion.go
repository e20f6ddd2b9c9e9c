package clientauth

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
)

// assertionLifetime is the time from iat to exp of a client assertion. Each call uses a new
// assertion.
const assertionLifetime = time.Minute

type assertionHeader struct {
	Algorithm string `json:"alg"`
	KeyID     string `json:"kid,omitzero"`
	Type      string `json:"typ"`
}

type assertionClaims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	TokenID  string `json:"jti"`
	IssuedAt int64  `json:"iat"`
	Expiry   int64  `json:"exp"`
}

// assertion returns a new client assertion: a JWT for one use (RFC 7523 §3). Its typ
// prevents other uses of the JWT (RFC 7523bis §4).
func (a *Authenticator) assertion() (string, error) {
	key, err := a.key.get()
	if err != nil {
		return "", fmt.Errorf("private key: %w", err)
	}
	now := time.Now()
	header, err := json.Marshal(assertionHeader{key.alg.Name, key.id, "client-authentication+jwt"})
	if err != nil {
		return "", errors.New("encoding the header of a client assertion")
	}
	claims, err := json.Marshal(assertionClaims{
		Issuer: a.config.ClientID, Subject: a.config.ClientID, Audience: a.config.Audience, TokenID: rand.Text(),
		IssuedAt: now.Unix(), Expiry: now.Add(assertionLifetime).Unix(),
	})
	if err != nil {
		return "", errors.New("encoding the claims of a client assertion")
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode(header) + "." + encode(claims)
	signature, err := key.alg.Sign(key.signer, []byte(signed))
	if err != nil {
		return "", fmt.Errorf("signing a client assertion: %w", err)
	}
	return signed + "." + encode(signature), nil
}
