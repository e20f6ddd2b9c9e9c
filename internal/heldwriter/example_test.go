package heldwriter_test

import (
	"fmt"
	"io"
	"net/http/httptest"

	"github.com/warder-go/warder/internal/heldwriter"
)

// The adapter replaces the handler's response when it begins.
func Example() {
	response := httptest.NewRecorder()
	w := heldwriter.New(response, func() bool {
		response.WriteHeader(403)
		return false
	})
	_, _ = io.WriteString(w, "welcome")
	w.WriteHeader(200)
	fmt.Println(w.Decide(), response.Code, response.Body.Len())
	// Output: false 403 0
}
