package interop_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A person sits beside a client, with a browser, and is called alice.
type person struct {
	mu     sync.Mutex
	visits int
}

// visit does what a client's user does with the address that the client shows: logs in
// and consents. It returns where the browser is sent in the end, which is the client.
func (p *person) visit(ctx context.Context, address string) (*url.URL, error) {
	p.mu.Lock()
	p.visits++
	p.mu.Unlock()
	return browse(ctx, "alice", address)
}

// visitAll does so, and goes where it is sent: for clients that listen there, if not
// yet then in a moment, since most people are slower than this one.
func (p *person) visitAll(ctx context.Context, address string) error {
	back, err := p.visit(ctx, address)
	if back == nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, back.String(), http.NoBody)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	for end := time.Now().Add(patience); errors.Is(err, syscall.ECONNREFUSED) && time.Now().Before(end); {
		pause(ctx, time.Now().Add(50*time.Millisecond))
		res, err = http.DefaultClient.Do(req)
	}
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return nil
}

// count returns how often the person was needed.
func (p *person) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.visits
}

// browse walks through the provider's pages as a browser would, until it is sent to
// another host, and returns that address, also with an error of the provider in it.
func browse(ctx context.Context, user, start string) (*url.URL, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	home, err := url.Parse(start)
	if err != nil {
		return nil, err
	}
	var page, back *url.URL // where we are; where the client would be
	browser := &http.Client{Jar: jar, CheckRedirect: func(req *http.Request, _ []*http.Request) error {
		if page = req.URL; page.Host != home.Host {
			back = page
			return http.ErrUseLastResponse
		}
		return nil
	}}
	method, address, form := http.MethodGet, start, url.Values{}
	for _, prompt := range []string{"login", "consent", ""} {
		req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
		if err != nil {
			return nil, err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := browser.Do(req)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			return nil, err
		}
		if back != nil {
			break
		}
		if res.StatusCode != http.StatusOK || page == nil {
			return nil, fmt.Errorf("login: got %d %s", res.StatusCode, body)
		}
		method, address = http.MethodPost, page.String()
		form = url.Values{"prompt": {prompt}, "login": {user}, "password": {"any"}}
	}
	if back == nil {
		return nil, fmt.Errorf("login: ended at %v", page)
	}
	if refused := back.Query().Get("error"); refused != "" {
		return back, fmt.Errorf("login: the authorization server says %s", refused)
	}
	return back, nil
}
