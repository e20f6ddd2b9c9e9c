package resourcetest

import (
	"crypto"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// ProofFault is the name of a fault of a DPoP proof, such as "htu missing". ProofFaults returns
// all names. A name can be used as the name of a test.
type ProofFault string

// ProofFaults returns the names of all faults, for tests with every one:
//
//	for _, fault := range resourcetest.ProofFaults() {
//		key := key.Faulty(fault)
//		token := issuer.Token(resourcetest.Token{ProofKey: key})
//		key.SetProof(request, token)
//		// send the request and expect an error
//	}
//
// A strict implementation of RFC 9449 section 4.3 and of the RFCs that it refers to rejects a
// proof with any of them. Lenient ones accept some, for example a NumericDate with a fraction or a
// jku beside the jwk, which they ignore. Faults of "ath" require Proof.Token. A missing or old
// nonce is not a fault, because it depends on the server; set Proof.Nonce for that.
func ProofFaults() []ProofFault {
	var names []ProofFault
	for _, row := range proofFaults {
		names = append(names, row.name)
	}
	return names
}

// proofFault is one row of the tables of faults.
type proofFault struct {
	name ProofFault
	// alg is the algorithm of the keys that can have the fault, anyECDSA, or "" for all. Faulty
	// replaces other keys.
	alg   string
	key   func(*ProofKey) forgedKey // replaces the key, once for a faulty ProofKey; can be nil
	draft func(*draft)              // changes a proof; can be nil
}

// forgedKey replaces the key in the header of a proof. Its zero value replaces nothing.
type forgedKey struct {
	jwk  object
	alg  string
	sign func(input []byte) []byte // nil signs with the original key
}

// proofFaults is never modified.
var proofFaults = slices.Concat(headerFaults, keyFaults, formFaults, claimFaults, requestFaults)

func findFault(name ProofFault) proofFault {
	i := slices.IndexFunc(proofFaults, func(row proofFault) bool { return row.name == name })
	if i < 0 {
		panic(fmt.Sprintf("resourcetest: unknown proof fault %q; see ProofFaults", name))
	}
	return proofFaults[i]
}

// anyECDSA is a proofFault.alg.
const anyECDSA = "ES"

// fitting returns k, or a new key if k cannot have the fault.
func (f proofFault) fitting(k *ProofKey) *ProofKey {
	switch {
	case f.alg == "" || f.alg == k.alg || f.alg == anyECDSA && strings.HasPrefix(k.alg, anyECDSA):
		return k
	case f.alg == anyECDSA:
		return NewProofKey("")
	}
	return newProofKey(f.alg, standIn("client", algorithms[f.alg].family))
}

// header and claim return changes of one member. The value Remove removes it.

func header(name string, value any) func(*draft) {
	return func(d *draft) { d.header = d.header.with(map[string]any{name: value}) }
}

func claim(name string, value any) func(*draft) {
	return func(d *draft) { d.claims = d.claims.with(map[string]any{name: value}) }
}

// duplicate returns a value that is followed by a second member with the same name.
func duplicate(name string, first, second any) Raw {
	return Raw(encode(first) + "," + encode(name) + ":" + encode(second))
}

// twice repeats a member of the header or the claims with the same value.
func twice(o object, name string) object {
	value, _ := o.get(name)
	return o.with(map[string]any{name: duplicate(name, value, value)})
}

// renamed changes the name of a member.
func renamed(o object, name, to string) object {
	out := slices.Clone(o)
	for i := range out {
		if out[i].name == name {
			out[i].name = to
		}
	}
	return out
}

// another returns another key of the same kind. It is the same for all keys of this kind.
func (k *ProofKey) another() crypto.Signer { return standIn("another", algorithms[k.alg].family) }

// standIns stores the keys of faulty proofs, because generating RSA keys takes tens of
// milliseconds. The mutex does not belong to a synctest bubble, so it is never held during a
// blocking call.
var standIns struct {
	sync.Mutex
	keys map[string]crypto.Signer
}

// standIn returns the key for a use, which it generates for the first call.
func standIn(use, family string) crypto.Signer {
	standIns.Lock()
	defer standIns.Unlock()
	name := use + " " + family
	if standIns.keys == nil {
		standIns.keys = make(map[string]crypto.Signer)
	}
	if standIns.keys[name] == nil {
		if family == "weak RSA" {
			standIns.keys[name] = generateWeakRSA()
		} else {
			standIns.keys[name] = generate(family)
		}
	}
	return standIns.keys[name]
}
