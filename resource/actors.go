package resource

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/claimpath"
	"github.com/warder-go/warder/internal/strictjson"
)

// maxActors is the most elements of Caller.Actors.
const maxActors = 8

// Actor is a party that acts on behalf of the subject of a token (RFC 8693 §4.1).
type Actor struct {
	Issuer   string // iss; "" if absent: usually that of the token
	Subject  string // sub; "" if absent
	ClientID string // client_id; "" if absent
}

var (
	actorPath  = claimpath.Name("act")
	actorNames = strictjson.NewNames("iss", "sub", "client_id", "act")
)

// Actors returns who uses the token on behalf of its subject: the actors in the claim act (RFC 8693
// §4.1). The first one is the current actor. The others acted before it; RFC 8693 permits using
// them as information only, never for a decision. The result has at most 8 elements, and ends before
// an actor that cannot be read or that neither iss nor sub nor client_id names. It is nil for a
// token without the claim. The claim is read again for each call.
//
// The subject of the token, and so the principal, is the user and not the actor.
func (c *Caller) Actors() (all []Actor) {
	value, err := c.find(actorPath)
	for err == nil && len(value) > 0 && len(all) < maxActors {
		var a Actor
		var next jsontext.Value
		err = strictjson.Object(value, actorNames, func(name string, v jsontext.Value) (err error) {
			switch {
			case strictjson.IsAbsent(v):
			case name == "act":
				next = v
			case name == "iss":
				a.Issuer, err = strictjson.String(v)
			case name == "sub":
				a.Subject, err = strictjson.String(v)
			case name == "client_id":
				a.ClientID, err = strictjson.String(v)
			}
			return err
		})
		if err != nil || a == (Actor{}) {
			break
		}
		all, value = append(all, a), next
	}
	return all
}
