package interop_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"testing"
)

// scriptCaller is a script of .ci/interop.d round a library; client.mjs says how one
// speaks to it.
type scriptCaller struct {
	visit   visit
	ctx     func() context.Context
	stdin   io.Writer
	answers *bufio.Scanner
	stderr  *lockedBuffer
}

func script(name string) func(*testing.T, visit) caller {
	return func(t *testing.T, v visit) caller {
		t.Helper()
		c := &scriptCaller{visit: v, ctx: t.Context, stderr: &lockedBuffer{}}
		settings, err := json.Marshal(map[string]string{"url": v.url, "redirect": v.redirect, "registration": v.registration, "client_id": v.clientID})
		if err != nil {
			t.Fatal(err)
		}
		process := node(t.Context(), t.TempDir(), installed(name), string(settings))
		process.Stderr = c.stderr
		if c.stdin, err = process.StdinPipe(); err != nil {
			t.Fatal(err)
		}
		stdout, err := process.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		c.answers = bufio.NewScanner(stdout)
		if err := process.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = process.Process.Kill()
			_ = process.Wait() // it was killed, which is an error
			if t.Failed() {
				t.Logf("%s wrote:\n%s", name, c.stderr)
			}
		})
		return c
	}
}

func (c *scriptCaller) call(tool string) (string, error) {
	ask := map[string]string{"call": tool}
	for {
		line, err := json.Marshal(ask)
		if err != nil {
			return "", err
		}
		if _, err := c.stdin.Write(append(line, '\n')); err != nil {
			return "", err
		}
		if !c.answers.Scan() {
			return "", errors.New("the client ended: " + c.stderr.String())
		}
		var said struct{ Visit, Text, Error string }
		if err := json.Unmarshal(c.answers.Bytes(), &said); err != nil {
			return "", err
		}
		switch {
		case said.Error != "":
			return "", errors.New(said.Error)
		case said.Visit == "":
			return said.Text, nil
		}
		back, err := c.visit.person.visit(c.ctx(), said.Visit)
		if err != nil {
			return "", err
		}
		ask = map[string]string{"back": back.String()}
	}
}
