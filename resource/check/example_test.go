package check_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/warder-go/warder/resource/check"
	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/resourcetest"
)

// A test of a deployment can require a report without errors. Here the issuer has another
// identifier than the file.
func Example() {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		log.Fatal(err)
	}
	if err := issuer.Listen(); err != nil {
		log.Fatal(err)
	}
	defer issuer.Close()
	report, err := check.Run(context.Background(), check.Config{
		Config: config.Config{Text: []byte("authorization:\n" +
			"  issuer_url: " + issuer.Identifier() + "/\n" +
			"  resource_server_url: https://mcp.example.com/mcp\n")},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range report.Findings {
		if f.Severity == check.SeverityError {
			fmt.Println(f.ID, "at", strings.ReplaceAll(f.Subject, issuer.Identifier(), "https://auth.example.com"))
			fmt.Println("to do:", f.Fix)
		}
	}
	// Output:
	// issuer_mismatch at https://auth.example.com/
	// to do: set issuer_url to the issuer in the document, byte for byte
}
