package gate

import (
	"errors"
	"io"
	"net/http"

	"github.com/warder-go/warder/internal/mcpmsg"
)

var errMirrors = errors.New("the body cannot be read a second time")

// keepMirrors removes Mcp-Method and Mcp-Name from a request if they repeat nothing in its body. The
// Resource compares them with a body that has a method and a name, and ignores them otherwise. An
// upstream, or a load balancer in front of it, could go by them. A body that no rules have read is
// not looked at.
func keepMirrors(req *http.Request, limit int64) error {
	_, hasMethod := req.Header["Mcp-Method"]
	_, hasName := req.Header["Mcp-Name"]
	body, isRead := req.Body.(interface {
		io.ReadSeeker
		Len() int
	})
	if !isRead || !hasMethod && !hasName {
		return nil
	}
	_, messages, e := mcpmsg.Read(&http.Request{Header: req.Header, ContentLength: int64(body.Len()), Body: io.NopCloser(body)}, int(limit))
	if _, err := body.Seek(0, io.SeekStart); err != nil || e != nil || len(messages) != 1 {
		return errMirrors
	}
	if messages[0].Method == "" {
		delete(req.Header, "Mcp-Method")
	}
	if messages[0].Name == "" {
		delete(req.Header, "Mcp-Name")
	}
	return nil
}
