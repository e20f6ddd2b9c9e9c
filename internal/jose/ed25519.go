package jose

import (
	"crypto/ed25519"
	"errors"
	"math/big"
	"slices"
)

// Constants of the field and the curve in RFC 8032 §5.1.
var (
	fieldPrime = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	order8     = hexInt("05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826")
	curveD     = hexInt("52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3")
)

// smallOrder lists the y coordinates of the points whose order divides 8. With such a key,
// forged signatures verify.
var smallOrder = []*big.Int{
	big.NewInt(0),
	big.NewInt(1),
	new(big.Int).Sub(fieldPrime, big.NewInt(1)),
	order8,
	new(big.Int).Sub(fieldPrime, order8),
}

func hexInt(text string) *big.Int {
	n, ok := new(big.Int).SetString(text, 16)
	if !ok {
		panic("jose: constant " + text)
	}
	return n
}

// checkEd25519 checks the key by the rules of RFC 8032 §5.1.3: y must be reduced and must
// belong to a point on the curve that is not of small order. The standard library checks a
// key only when it verifies a signature, and does not check all of this.
func checkEd25519(public ed25519.PublicKey) error {
	if err := checkEd25519Form(public); err != nil {
		return err
	}
	y := coordinateY(public)
	// x^2 = (y^2 - 1) / (d y^2 + 1) must have a solution.
	square := new(big.Int).Mul(y, y)
	numerator := new(big.Int).Sub(square, big.NewInt(1))
	denominator := new(big.Int).Mul(curveD, square)
	denominator.Add(denominator, big.NewInt(1)).Mod(denominator, fieldPrime).ModInverse(denominator, fieldPrime)
	quotient := numerator.Mul(numerator, denominator).Mod(numerator, fieldPrime)
	if big.Jacobi(quotient, fieldPrime) < 0 {
		return errors.New("is not a point on its curve")
	}
	return nil
}

// checkEd25519Form is checkEd25519 without the check that the point is on the curve. It is for a
// key that verifies a signature at once, because ed25519.Verify makes that check.
func checkEd25519Form(public ed25519.PublicKey) error {
	y := coordinateY(public)
	if y.Cmp(fieldPrime) >= 0 {
		return errors.New("y is not reduced")
	}
	for _, small := range smallOrder {
		if y.Cmp(small) == 0 {
			return errors.New("is a point of small order")
		}
	}
	return nil
}

// coordinateY returns the y coordinate in an encoded point (RFC 8032 §5.1.2).
func coordinateY(public ed25519.PublicKey) *big.Int {
	encoded := slices.Clone(public)
	encoded[len(encoded)-1] &= 0x7f // the sign of x
	slices.Reverse(encoded)
	return new(big.Int).SetBytes(encoded)
}
