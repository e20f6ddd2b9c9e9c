package interop_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"testing"
)

// scriptClient is a program in .ci/interop.d that uses a client library. client.mjs
// describes its input and output.
type scriptClient struct {
	settings clientSettings
	ctx      func() context.Context
	stdin    io.Writer
	replies  *bufio.Scanner
	stderr   *lockedBuffer
}

// script returns a function that opens a script for Node.
func script(name string) func(*testing.T, clientSettings) mcpClient {
	return func(t *testing.T, s clientSettings) mcpClient {
		t.Helper()
		arguments := map[string]string{"url": s.url, "redirect": s.redirect, "registration": s.registration, "client_id": s.clientID}
		if s.dpop {
			arguments["dpop"] = "true"
		}
		return startScript(t, s, arguments, func(argument string) *exec.Cmd { return node(t.Context(), t.TempDir(), installed(name), argument) })
	}
}

// startScript starts the process that command returns for the arguments as JSON.
func startScript(t *testing.T, s clientSettings, arguments map[string]string, command func(argument string) *exec.Cmd) *scriptClient {
	t.Helper()
	c := &scriptClient{settings: s, ctx: t.Context, stderr: &lockedBuffer{}}
	argument, err := json.Marshal(arguments)
	if err != nil {
		t.Fatal(err)
	}
	process := command(string(argument))
	process.Stderr = c.stderr
	if c.stdin, err = process.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.replies = bufio.NewScanner(stdout)
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait() // returns an error because the process was killed
		if t.Failed() {
			t.Logf("stderr of %q:\n%s", process.Args, c.stderr)
		}
	})
	return c
}

func (c *scriptClient) call(tool string) (string, error) {
	message := map[string]string{"call": tool}
	for {
		line, err := json.Marshal(message)
		if err != nil {
			return "", err
		}
		if _, err := c.stdin.Write(append(line, '\n')); err != nil {
			return "", err
		}
		if !c.replies.Scan() {
			return "", errors.New("the client exited: " + c.stderr.String())
		}
		var reply struct{ Visit, Text, Error string }
		if err := json.Unmarshal(c.replies.Bytes(), &reply); err != nil {
			return "", err
		}
		switch {
		case reply.Error != "":
			return "", errors.New(reply.Error)
		case reply.Visit == "":
			return reply.Text, nil
		}
		redirect, err := c.settings.user.authorize(c.ctx(), reply.Visit)
		if err != nil {
			return "", err
		}
		message = map[string]string{"redirect": redirect.String()}
	}
}
