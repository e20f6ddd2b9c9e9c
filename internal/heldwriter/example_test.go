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
	w := heldwriter.New(response, func(status int) bool {
		fmt.Println(status)
		response.WriteHeader(403)
		return false
	})
	w.WriteHeader(201)
	_, _ = io.WriteString(w, "welcome")
	fmt.Println(w.Decide(200), response.Code, response.Body.Len())
	// Output:
	// 201
	// false 403 0
}
