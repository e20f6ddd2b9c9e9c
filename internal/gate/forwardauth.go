package gate

import "net/http"

type forwardAuth struct{}

func (f *forwardAuth) owns(*http.Request) bool                      { return false }
func (f *forwardAuth) ServeHTTP(http.ResponseWriter, *http.Request) {}
func (b *builder) buildForwardAuth()                                {}
