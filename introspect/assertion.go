package introspect

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes of the algorithms
	_ "crypto/sha512"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
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
func (a *authenticator) assertion() (string, error) {
	key, err := a.key.get()
	if err != nil {
		return "", fmt.Errorf("private key: %w", err)
	}
	now := time.Now()
	header, err := json.Marshal(assertionHeader{key.alg.name, key.id, "client-authentication+jwt"})
	if err != nil {
		return "", errors.New("encoding the header of a client assertion")
	}
	claims, err := json.Marshal(assertionClaims{
		Issuer: a.ClientID, Subject: a.ClientID, Audience: a.Audience, TokenID: rand.Text(),
		IssuedAt: now.Unix(), Expiry: now.Add(assertionLifetime).Unix(),
	})
	if err != nil {
		return "", errors.New("encoding the claims of a client assertion")
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode(header) + "." + encode(claims)
	signature, err := key.alg.sign(key.signer, []byte(signed))
	if err != nil {
		return "", fmt.Errorf("signing a client assertion: %w", err)
	}
	return signed + "." + encode(signature), nil
}

// sign returns the JWS signature of message.
func (alg algorithm) sign(signer crypto.Signer, message []byte) ([]byte, error) {
	var options crypto.SignerOpts = alg.hash
	if alg.hash != 0 {
		hash := alg.hash.New()
		hash.Write(message)
		message = hash.Sum(nil)
	}
	if alg.pss { // RFC 7518 §3.5: the salt is as long as the hash
		options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: alg.hash}
	}
	signature, err := signer.Sign(rand.Reader, message, options)
	if err != nil || alg.size == 0 {
		return signature, err
	}
	// RFC 7518 §3.4: R and S have a fixed length. A crypto.Signer returns DER.
	var pair struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(signature, &pair); err != nil || len(rest) > 0 ||
		pair.R.Sign() <= 0 || pair.S.Sign() <= 0 || pair.R.BitLen() > 8*alg.size || pair.S.BitLen() > 8*alg.size {
		return nil, errors.New("the signer did not return a valid ECDSA signature")
	}
	out := make([]byte, 2*alg.size)
	pair.R.FillBytes(out[:alg.size])
	pair.S.FillBytes(out[alg.size:])
	return out, nil
}
