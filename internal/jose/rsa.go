package jose

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
)

// Limits of an RSA modulus, in bits. RFC 7518 §3.3 forbids shorter keys. Verification with
// longer ones is too expensive.
const (
	MinRSABits = 2048
	MaxRSABits = 8192
)

// checkRSA rejects weak moduli and exponents, and those that make verification slow.
func checkRSA(public *rsa.PublicKey) error {
	switch bits := public.N.BitLen(); {
	case bits < MinRSABits:
		return fmt.Errorf("modulus is shorter than %d bits", MinRSABits)
	case bits > MaxRSABits:
		return fmt.Errorf("modulus is longer than %d bits", MaxRSABits)
	case public.N.Bit(0) == 0:
		return errors.New("modulus is even")
	case public.E < 3 || public.E&1 == 0:
		return errors.New("exponent is not an odd number of at least 3")
	case isROCA(public.N):
		return errors.New("modulus has the fingerprint of CVE-2017-15361 (ROCA)")
	}
	return nil
}

// rocaPrimes are the small primes of the fingerprint of CVE-2017-15361.
var rocaPrimes = []int64{
	11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157,
}

// isROCA reports whether n modulo each of the primes is a power of 65537. That is true for
// every modulus of the faulty generator and for one in 2^27 others.
func isROCA(n *big.Int) bool {
	for _, p := range rocaPrimes {
		remainder := new(big.Int).Mod(n, big.NewInt(p)).Int64()
		if !isPowerOf65537(remainder, p) {
			return false
		}
	}
	return true
}

// isPowerOf65537 reports whether remainder is a power of 65537 modulo p.
func isPowerOf65537(remainder, p int64) bool {
	power := int64(1)
	for range p {
		if power == remainder {
			return true
		}
		power = power * 65537 % p
	}
	return false
}
