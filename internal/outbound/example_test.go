package outbound_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/warder-go/warder/internal/outbound"
)

func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"keys":[]}`)
	}))
	defer server.Close()

	// The operator has configured this host, so it may have a private address.
	client := outbound.New(outbound.Config{Hosts: []string{"127.0.0.1"}})
	defer client.CloseIdle()
	resp, err := client.Get(context.Background(), server.URL, nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(resp.Status, string(resp.Body))

	// A client without this configuration does not connect to a private address.
	_, err = outbound.New(outbound.Config{}).Get(context.Background(), server.URL, nil)
	var failed *outbound.Error
	fmt.Println(errors.As(err, &failed) && failed.Outcome == outbound.RefusedAddress)
	// Output:
	// 200 {"keys":[]}
	// true
}
