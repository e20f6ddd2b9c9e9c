#!/usr/bin/env node
// An authorization server that nobody here wrote: npm oidc-provider on 127.0.0.1, for
// the tests in internal/interop.
//
//   provider.mjs [PORT]    none or 0: the kernel picks one
//
// It prints one JSON line, {"issuer":"http://127.0.0.1:PORT"}, then reads commands, one
// JSON object a line, from standard input, and prints one JSON line for each that is
// done: {}, or {"error":"..."}. At the end of its input it exits.
//
//   {"client":{"client_id":"app",...}}      registers a client (members as in RFC 7591)
//   {"document":{"client_id":"https://..."}}
//                                           what is found at that URL, if a client gives it as its name
//   {"resource":{"id":"https://...","format":"jwt","alg":"ES256","ttl":60,"refresh":false}}
//                                           tokens for it; format jwt or opaque, ttl in seconds, no refresh tokens
//   {"rotate":true}                         new keys sign; the old ones stay published
//   {"withdraw":true}                       the old keys are published no more
//
// Clients may also register by themselves. Any login name and password is good. Scopes
// of resources are mcp:read and mcp:write.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

console.info = console.warn = () => {}; // advice for production; and standard output is for answers
const { Provider, errors } = await import('oidc-provider');
// The default one, which begins anew with each Provider: no part of the public interface.
const { createMemoryAdapter } = await import('oidc-provider/lib/adapters/memory_adapter.js');

const clients = new Map();
const documents = new Map();
const resources = new Map();
const adapter = createMemoryAdapter(); // tokens, grants and sessions outlive a change
let keys = [];
let generation = 0;
let issuer;
let handle;

function newKeys() {
  generation += 1;
  const kinds = {
    RS256: ['rsa', { modulusLength: 2048 }],
    PS256: ['rsa', { modulusLength: 2048 }],
    ES256: ['ec', { namedCurve: 'P-256' }],
    EdDSA: ['ed25519', {}],
  };
  return Object.entries(kinds).map(([alg, [type, options]]) => ({
    ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }),
    alg, use: 'sig', kid: `${alg}-${generation}`,
  }));
}

function getResourceServerInfo(ctx, id) {
  const resource = resources.get(id) ?? resources.get(id.replace(/\/$/, ''));
  if (!resource) throw new errors.InvalidTarget();
  return {
    audience: id,
    scope: 'mcp:read mcp:write',
    accessTokenFormat: resource.format ?? 'jwt',
    accessTokenTTL: resource.ttl ?? 600,
    jwt: { sign: { alg: resource.alg ?? 'RS256' } },
  };
}

// A Provider's clients and keys are fixed, so a change makes a new one.
function build() {
  const provider = new Provider(issuer, {
    adapter,
    clients: [...clients.values()],
    jwks: { keys },
    enabledJWA: { introspectionSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA', 'HS256'] },
    cookies: { keys: ['interop'] },
    scopes: ['openid', 'offline_access', 'mcp:read', 'mcp:write'], // what clients may register for
    issueRefreshToken: (ctx, client, code) =>
      client.grantTypeAllowed('refresh_token') && [code.resource].flat().every((id) => resources.get(id)?.refresh ?? true),
    clientBasedCORS: () => true,
    fetch: async (url) => new Response(JSON.stringify(documents.get(String(url)))),
    features: {
      registration: { enabled: true },
      clientIdMetadataDocument: { enabled: true, ack: 'draft-02' },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      jwtIntrospection: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: { enabled: true, getResourceServerInfo },
    },
  });
  provider.on('server_error', (ctx, error) => console.error(error));
  for (const what of ['authorization', 'grant', 'registration_create']) {
    provider.on(`${what}.error`, (ctx, error) => console.error(what, error.message, error.error_detail));
  }
  handle = provider.callback();
}

function run(command) {
  if (command.client) clients.set(command.client.client_id, command.client);
  if (command.document) documents.set(command.document.client_id, command.document);
  if (command.resource) resources.set(command.resource.id, command.resource);
  if (command.rotate) keys = [...newKeys(), ...keys]; // the first that fits signs
  if (command.withdraw) keys = keys.filter(({ kid }) => kid.endsWith(`-${generation}`));
  build();
}

const say = (object) => process.stdout.write(`${JSON.stringify(object)}\n`);

const server = createServer((req, res) => handle(req, res));
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  keys = newKeys();
  build();
  say({ issuer });
  createInterface({ input: process.stdin })
    .on('line', (line) => {
      try {
        run(JSON.parse(line));
        say({});
      } catch (error) {
        say({ error: String(error) });
      }
    })
    .on('close', () => process.exit());
});
