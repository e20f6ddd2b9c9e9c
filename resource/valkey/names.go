package valkey

import "crypto/sha256"

// names are the names of the keys of a store. The prefix in curly brackets is a hash tag: in a
// cluster all keys are in one slot, so that one script can use several of them.
type names struct {
	data    string // the data set
	before  string // the master_replid2 of the server: see checkScript
	proofs  string // begins the keys of proofs
	counts  string // begins the keys of the numbers of proofs of a client
	records string // sorted set of revocations by sequence number
	ends    string // sorted set of revocations by Until
	last    string // the sequence number of the last revocation
	answers string // begins the keys of answers
	purged  string // the generation of answers
	channel string // has a message for each addition of revocations
}

func newNames(prefix string) names {
	tag := "{" + prefix + "}:"
	return names{
		data: tag + "data", before: tag + "before", proofs: tag + "p:", counts: tag + "n:",
		records: tag + "revoked", ends: tag + "revoked-until", last: tag + "revoked-last", channel: tag + "revoked",
		answers: tag + "a:", purged: tag + "generation",
	}
}

// short returns 16 bytes for a value. A collision makes a proof of an attacker, who must have
// computed it, count as used before, or two of his keys share a limit. It never makes a proof
// acceptable.
func short(value ...[]byte) string {
	hash := sha256.New()
	for _, v := range value {
		hash.Write(v)
	}
	return string(hash.Sum(nil)[:16])
}
