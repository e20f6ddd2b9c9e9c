package jose

import (
	"crypto/ed25519"
	"errors"
	"math/big"
	"slices"
)

// The field and the curve of RFC 8032 §5.1.
var (
	fieldPrime = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	orderEight = hexInt("05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826")
	curveD     = hexInt("52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3")
)

// smallOrder are the y coordinates of the points whose order divides 8. Under such a
// key signatures verify that anybody can make.
var smallOrder = []*big.Int{
	big.NewInt(0),
	big.NewInt(1),
	new(big.Int).Sub(fieldPrime, big.NewInt(1)),
	orderEight,
	new(big.Int).Sub(fieldPrime, orderEight),
}

func hexInt(text string) *big.Int {
	n, ok := new(big.Int).SetString(text, 16)
	if !ok {
		panic("jose: constant " + text)
	}
	return n
}

// checkEd25519 decodes the key as RFC 8032 §5.1.3 demands, which the standard library
// does only when it verifies, and not all of it: y must be reduced, and belong to a
// point of the curve that is not of small order.
func checkEd25519(public ed25519.PublicKey) error {
	encoded := slices.Clone(public)
	encoded[len(encoded)-1] &= 0x7f // the sign of x
	slices.Reverse(encoded)
	y := new(big.Int).SetBytes(encoded)
	if y.Cmp(fieldPrime) >= 0 {
		return errors.New("y is not reduced")
	}
	for _, small := range smallOrder {
		if y.Cmp(small) == 0 {
			return errors.New("is a point of small order")
		}
	}
	// x^2 = (y^2 - 1) / (d y^2 + 1) must have a root.
	square := new(big.Int).Mul(y, y)
	above := new(big.Int).Sub(square, big.NewInt(1))
	below := new(big.Int).Mul(curveD, square)
	below.Add(below, big.NewInt(1)).Mod(below, fieldPrime).ModInverse(below, fieldPrime)
	above.Mul(above, below).Mod(above, fieldPrime)
	if big.Jacobi(above, fieldPrime) < 0 {
		return errors.New("is not a point on its curve")
	}
	return nil
}
