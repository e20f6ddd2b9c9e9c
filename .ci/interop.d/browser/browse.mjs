#!/usr/bin/env node
// Controls a headless Chromium for the tests in internal/interop.
//
//   browse.mjs CHROMIUM INSPECTOR FOLDER    the browser's program; the launcher of MCP
//                                           Inspector 2; the folder for screenshots
//
// It serves MCP Inspector 1, whose pages call MCP servers directly, at three names, which are
// different origins. It prints one JSON line, {"origin":"http://localhost:PORT",
// "loopback":"http://127.0.0.1:PORT","other":"http://other.example:PORT"}. Then it reads
// commands from standard input, one JSON object per line, and replies to each with one JSON
// line. It exits at the end of its input.
//
//   {"visit":"http://...","frame":true,"fetch":["http://...",{"method":"POST"}]}
//               opens that page and calls fetch in it, or in a sandboxed frame in it
//   {"direct":"http://.../mcp","client":"app"}
//               MCP Inspector 1, connection type Direct: logs in as that client, calls whoami
//   {"backend":"http://.../mcp"}
//               MCP Inspector 2, which calls through its own backend: the same with dynamic
//               registration
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const [program, launcher, folder] = process.argv.slice(2);
const timeout = 30_000; // milliseconds; not a performance limit
const dist = join(import.meta.dirname, 'node_modules/@modelcontextprotocol/inspector-client/dist');
const types = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

// Paths without a file, such as /oauth/callback, are routes of the page. /blank is an empty
// page for the visit command.
const pages = createServer((req, res) => {
  if (req.url === '/blank') {
    res.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html>');
    return;
  }
  const type = types[extname(new URL(req.url, 'http://pages').pathname)];
  try {
    const body = readFileSync(type ? join(dist, new URL(req.url, 'http://pages').pathname) : join(dist, 'index.html'));
    res.writeHead(200, { 'content-type': type ?? 'text/html' }).end(body);
  } catch {
    res.writeHead(404).end();
  }
});
const listening = (server, host) => new Promise((done) => server.listen(0, host, () => done(server.address().port)));
const port = await listening(pages, '127.0.0.1');

// The browser resolves no names outside this machine. rebound.example simulates DNS rebinding,
// and other.example is the host of a page that is not on a loopback address.
// Requests are not intercepted, because Playwright would then answer preflights itself.
const browser = await chromium.launch({
  executablePath: program,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP rebound.example 127.0.0.1, MAP other.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost'],
});

// Each command has a separate browser context, so that it shares no cookies or storage.
async function withPage(use) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: 'light' });
  try {
    const opened = await context.newPage();
    opened.setDefaultTimeout(timeout);
    return await use(opened);
  } finally {
    await context.close();
  }
}

// Runs in the page. Returns everything that the browser lets the page read of a response.
async function fetchInPage([url, options]) {
  try {
    const response = await fetch(url, options);
    return {
      type: response.type, status: response.status, body: await response.text(),
      challenge: response.headers.get('www-authenticate'), retry: response.headers.get('retry-after'),
    };
  } catch (error) {
    return { error: error.name };
  }
}

const visit = (command) => withPage(async (opened) => {
  await opened.goto(command.visit);
  if (!command.frame) return opened.evaluate(fetchInPage, command.fetch);
  await opened.evaluate(() => {
    const frame = document.createElement('iframe');
    frame.sandbox = 'allow-scripts';
    frame.srcdoc = 'frame';
    return new Promise((done) => { frame.onload = done; document.body.append(frame); });
  });
  return opened.frames()[1].evaluate(fetchInPage, command.fetch);
});

// Submits oidc-provider's login page, which accepts every name and password, and its consent
// page. Waits until the browser is redirected to the origin.
async function logIn(opened, target) {
  await opened.fill('input[name=login]', 'alice');
  await opened.fill('input[name=password]', 'any');
  await opened.click('button[type=submit]');
  await opened.getByRole('button', { name: 'Continue' }).click();
  await opened.waitForURL((url) => url.origin === target);
}

const origin = `http://localhost:${port}`;

const direct = (command) => withPage(async (opened) => {
  await opened.goto(`${origin}/?transport=streamable-http&serverUrl=${encodeURIComponent(command.direct)}`);
  await opened.locator('#connection-type-select').click();
  await opened.getByRole('option', { name: 'Direct' }).click();
  await opened.getByRole('button', { name: 'Authentication' }).click();
  await opened.getByPlaceholder('Client ID').fill(command.client);
  await opened.getByRole('button', { name: 'Connect', exact: true }).click();
  await logIn(opened, origin);
  await opened.getByText('Connected', { exact: true }).waitFor();
  await opened.getByRole('tab', { name: 'Tools' }).click();
  await opened.getByRole('button', { name: 'List Tools' }).click();
  await opened.getByText('whoami', { exact: true }).first().click();
  await opened.getByRole('button', { name: 'Run Tool' }).click();
  return readResult(opened, 'direct');
});

// Waits for the tool's result, takes a screenshot and returns the text.
async function readResult(opened, name) {
  const result = opened.getByText(/You are .* grants/).first();
  await result.waitFor();
  await result.scrollIntoViewIfNeeded();
  await opened.screenshot({ path: join(folder, `${name}.png`) });
  return { text: (await result.innerText()).replaceAll('"', '').trim() };
}

const backend = (command) => withPage(async (opened) => {
  const probe = createServer();
  const free = await listening(probe, '127.0.0.1'); // Inspector 2 does not support port 0
  await new Promise((done) => { probe.close(done); });
  const home = mkdtempSync(join(tmpdir(), 'inspector-'));
  const inspector = spawn(process.execPath, [launcher, '--web', '--transport', 'http', '--server-url', command.backend], {
    cwd: home,
    env: { PATH: process.env.PATH, HOME: home, MCP_STORAGE_DIR: home, CLIENT_PORT: String(free), MCP_AUTO_OPEN_ENABLED: 'false', MCP_INSPECTOR_SECRET_STORE: 'memory' },
  });
  try {
    const url = await new Promise((done, failed) => {
      let text = '';
      inspector.stdout.on('data', (data) => {
        text += data;
        const found = text.match(/http:\S+MCP_INSPECTOR_API_TOKEN=\S+/);
        if (found) done(found[0]);
      });
      inspector.stderr.resume();
      inspector.on('exit', () => failed(new Error(`MCP Inspector exited: ${text}`)));
      setTimeout(() => failed(new Error(`MCP Inspector did not start in time: ${text}`)), timeout).unref();
    });
    await opened.goto(url);
    await opened.getByRole('switch').first().click({ force: true });
    await opened.waitForURL(/\/interaction\//);
    await logIn(opened, new URL(url).origin);
    await opened.locator('label', { hasText: 'Tools' }).first().click();
    await opened.getByText('whoami', { exact: true }).first().click();
    await opened.getByRole('button', { name: 'Execute Tool' }).click();
    return await readResult(opened, 'backend');
  } finally {
    inspector.kill();
    rmSync(home, { recursive: true, force: true });
  }
});

const reply = (object) => process.stdout.write(`${JSON.stringify(object)}\n`);
reply({ origin, loopback: `http://127.0.0.1:${port}`, other: `http://other.example:${port}`, version: browser.version() });
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  try {
    reply(await (command.visit ? visit : command.direct ? direct : backend)(command));
  } catch (error) {
    reply({ failed: String(error) });
  }
}
await browser.close();
process.exit();
