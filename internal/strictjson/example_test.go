package strictjson_test

import (
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/strictjson"
)

func Example() {
	names := strictjson.NewNames("iss", "aud")
	for _, document := range []string{
		`{"iss":"https://as.example.com","aud":["https://mcp.example.com/mcp"],"other":1}`,
		`{"iss":"https://as.example.com","\u0069ss":"https://evil.example"}`,
		`{"ISS":"https://evil.example"}`,
		`{"aud":null}`,
	} {
		err := strictjson.Object([]byte(document), names, func(name string, value jsontext.Value) (err error) {
			switch name {
			case "iss":
				_, err = strictjson.String(value)
			case "aud":
				_, err = strictjson.Strings(value)
			}
			return err
		})
		fmt.Println(err)
	}
	// Output:
	// <nil>
	// duplicate member name at byte 32
	// member name differs only in case from "iss" at byte 1
	// member "aud": is not an array of strings
}
