package heldwriter_test

import (
	"fmt"
	"io"
	"net/http/httptest"

	"github.com/warder-go/warder/internal/heldwriter"
)

// The answer is dropped that was given before the first byte was written.
func Example() {
	answer := httptest.NewRecorder()
	w := heldwriter.New(answer, func() bool {
		answer.WriteHeader(403)
		return false
	})
	_, _ = io.WriteString(w, "welcome")
	w.WriteHeader(200)
	fmt.Println(w.Begin(), answer.Code, answer.Body.Len())
	// Output: false 403 0
}
