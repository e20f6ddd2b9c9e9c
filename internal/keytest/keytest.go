// Package keytest makes keys for tests.
package keytest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"math/big"
	"time"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// P256 returns a new key.
func P256() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

// PEM returns a private key in PEM (PKCS #8).
func PEM(key crypto.Signer) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(key))}))
}

// ShortX returns a P-256 key whose x begins with a zero byte, and its coordinates.
func ShortX() (key *ecdsa.PrivateKey, x, y []byte) {
	for n := uint16(1); ; n++ {
		key := must(ecdsa.ParseRawPrivateKey(elliptic.P256(), binary.BigEndian.AppendUint16(make([]byte, 30, 32), n)))
		if point := must(key.PublicKey.Bytes()); point[1] == 0 { // 4, x, y
			return key, point[1:33], point[33:]
		}
	}
}

// Certificate returns a new self-signed certificate of a client, valid for an hour, with its key.
func Certificate() tls.Certificate {
	key := P256()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: must(x509.ParseCertificate(der))}
}
