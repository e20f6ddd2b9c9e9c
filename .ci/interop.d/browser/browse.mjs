#!/usr/bin/env node
// A headless Chromium, and the pages that it shows: for internal/interop.
//
//   browse.mjs CHROMIUM INSPECTOR FOLDER    the program; version 2 of MCP Inspector, its
//                                           launcher; where screenshots go
//
// It serves MCP Inspector 1, whose pages call MCP servers themselves, at two addresses of
// this machine, which are two origins to a browser. It prints one JSON line,
// {"origin":"http://localhost:PORT","other":"http://127.0.0.1:PORT"}, then reads
// commands, one JSON object a line, from standard input, and prints one JSON line for
// each. At the end of its input it exits.
//
//   {"visit":"http://...","frame":true,"fetch":["http://...",{"method":"POST"}]}
//               opens a page there, fetches from it, or from a sandboxed frame in it
//   {"direct":"http://.../mcp","client":"app"}
//               MCP Inspector 1, connection type Direct: logs in as that client, calls whoami
//   {"backend":"http://.../mcp"}
//               MCP Inspector 2, which calls through its own backend: the same, unregistered
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const [program, launcher, folder] = process.argv.slice(2);
const patience = 30_000; // milliseconds; no measure
const dist = join(import.meta.dirname, 'node_modules/@modelcontextprotocol/inspector-client/dist');
const types = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

// Unknown paths are the page's own, such as /oauth/callback; /blank is for commands.
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

// Nothing beside this machine is asked. rebound.example is a name whose owner has made it
// lead here. Requests are never intercepted: Playwright would answer preflights itself.
const browser = await chromium.launch({
  executablePath: program,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP rebound.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost'],
});

// Each command has a page with a memory of its own.
async function page(use) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: 'light' });
  try {
    const opened = await context.newPage();
    opened.setDefaultTimeout(patience);
    return await use(opened);
  } finally {
    await context.close();
  }
}

// What a page finds out by fetch, as far as its browser lets it.
async function ask([url, options]) {
  try {
    const answer = await fetch(url, options);
    return {
      type: answer.type, status: answer.status, body: await answer.text(),
      challenge: answer.headers.get('www-authenticate'), retry: answer.headers.get('retry-after'),
    };
  } catch (error) {
    return { error: error.name };
  }
}

const visit = (command) => page(async (opened) => {
  await opened.goto(command.visit);
  if (!command.frame) return opened.evaluate(ask, command.fetch);
  await opened.evaluate(() => {
    const frame = document.createElement('iframe');
    frame.sandbox = 'allow-scripts';
    frame.srcdoc = 'frame';
    return new Promise((done) => { frame.onload = done; document.body.append(frame); });
  });
  return opened.frames()[1].evaluate(ask, command.fetch);
});

// oidc-provider's pages: any name and password, then consent.
async function logIn(opened, back) {
  await opened.fill('input[name=login]', 'alice');
  await opened.fill('input[name=password]', 'any');
  await opened.click('button[type=submit]');
  await opened.getByRole('button', { name: 'Continue' }).click();
  await opened.waitForURL((url) => url.origin === back);
}

const origin = `http://localhost:${port}`;

const direct = (command) => page(async (opened) => {
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
  return said(opened, 'direct');
});

// said waits for the tool's answer and takes a picture.
async function said(opened, name) {
  const answer = opened.getByText(/You are .* grants/).first();
  await answer.waitFor();
  await answer.scrollIntoViewIfNeeded();
  await opened.screenshot({ path: join(folder, `${name}.png`) });
  return { said: (await answer.innerText()).replaceAll('"', '').trim() };
}

const backend = (command) => page(async (opened) => {
  const probe = createServer();
  const free = await listening(probe, '127.0.0.1'); // Inspector 2 takes no port 0
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
      inspector.on('exit', () => failed(new Error(`MCP Inspector ended: ${text}`)));
      setTimeout(() => failed(new Error(`MCP Inspector does not start: ${text}`)), patience).unref();
    });
    await opened.goto(url);
    await opened.getByRole('switch').first().click({ force: true });
    await opened.waitForURL(/\/interaction\//);
    await logIn(opened, new URL(url).origin);
    await opened.locator('label', { hasText: 'Tools' }).first().click();
    await opened.getByText('whoami', { exact: true }).first().click();
    await opened.getByRole('button', { name: 'Execute Tool' }).click();
    return await said(opened, 'backend');
  } finally {
    inspector.kill();
    rmSync(home, { recursive: true, force: true });
  }
});

const say = (object) => process.stdout.write(`${JSON.stringify(object)}\n`);
say({ origin, other: `http://127.0.0.1:${port}`, version: browser.version() });
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  try {
    say(await (command.visit ? visit : command.direct ? direct : backend)(command));
  } catch (error) {
    say({ failed: String(error) });
  }
}
await browser.close();
process.exit();
