package jose_test

import (
	"fmt"

	"github.com/warder-go/warder/internal/jose"
)

func Example() {
	// RFC 8037, Appendix A.
	key, err := jose.ParseKey([]byte(`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`))
	if err != nil {
		panic(err)
	}
	const raw = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc." +
		"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
	token, err := jose.Parse(raw)
	if err != nil {
		panic(err)
	}
	fmt.Println(token.Header.Algorithm, key.Verify(token), string(token.Payload))

	_, err = jose.Parse("eyJhbGciOiJub25lIn0." + "e30." + "AA") // alg none
	fmt.Println(err)
	// Output:
	// EdDSA true Example of Ed25519 signing
	// jose: algorithm not supported
}
