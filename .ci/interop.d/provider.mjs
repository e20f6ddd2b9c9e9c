#!/usr/bin/env node
// A third-party authorization server for the tests in internal/interop: npm oidc-provider
// on 127.0.0.1.
//
//   provider.mjs [PORT]    without a port, or with 0, the kernel chooses one
//
// It prints one JSON line, {"issuer":"http://127.0.0.1:PORT"}. Then it reads commands from
// standard input, one JSON object per line, and replies to each with one JSON line: {} or
// {"error":"..."}. It exits at the end of its input.
//
//   {"client":{"client_id":"app",...}}      registers a client (members as in RFC 7591)
//   {"document":{"client_id":"https://..."}}
//                                           sets the client ID metadata document at that URL
//   {"resource":{"id":"https://...","format":"jwt","alg":"ES256","ttl":60,"refresh":false}}
//                                           registers a resource: format of its tokens (jwt or opaque),
//                                           lifetime in seconds, whether to issue refresh tokens.
//                                           "default_for":"app" makes it the resource of that client
//                                           if the client does not name one
//   {"exchange":{"client":"app","resource":"https://..."}}
//                                           lets the client exchange tokens of users for that
//                                           resource (exchange.mjs)
//   {"rotate":true}                         signs with new keys; the old ones stay published
//   {"withdraw":true}                       no longer publishes the old keys
//   {"nonces":true}                         requires nonces in DPoP proofs at the token endpoint
//   {"tls":{"cert":"PEM","key":"PEM"}}      serves the same endpoints also over TLS, and asks clients
//                                           for a certificate of any authority. The reply has the
//                                           address: {"tls":"https://127.0.0.1:PORT"}
//
// Dynamic registration is enabled too. Every login name and password is accepted. The
// scopes of resources are mcp:read and mcp:write. Tokens are bound to a key if the request has a
// DPoP proof, and to a certificate if the client has tls_client_certificate_bound_access_tokens.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { createServer as createTLSServer } from 'node:https';
import { createInterface } from 'node:readline';
import { registerTokenExchange } from './exchange.mjs';

console.info = console.warn = () => {}; // suppresses advice for production; standard output is reserved for replies
const { Provider, errors } = await import('oidc-provider');
// The default adapter. It is not part of the public interface. A Provider without an adapter
// creates an empty one.
const { createMemoryAdapter } = await import('oidc-provider/lib/adapters/memory_adapter.js');

const clients = new Map();
const documents = new Map();
const resources = new Map();
const exchangers = new Map(); // client ID to resource
const adapter = createMemoryAdapter(); // keeps tokens, grants and sessions when a command creates a new Provider
let keys = [];
let generation = 0;
let issuer;
let handle;
let nonces = false;
const nonceSecret = randomBytes(32);

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

// defaultOf returns the resource of a client that names none.
const defaultOf = (client) => [...resources.values()].find((resource) => resource.default_for === client.clientId)?.id;

// The clients and keys of a Provider are fixed, so each change creates a new one.
function build() {
  const provider = new Provider(issuer, {
    adapter,
    clients: [...clients.values()],
    jwks: { keys },
    enabledJWA: { introspectionSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA', 'HS256'] },
    cookies: { keys: ['interop'] },
    scopes: ['openid', 'offline_access', 'mcp:read', 'mcp:write'], // scopes that clients may register
    issueRefreshToken: (ctx, client, code) =>
      client.grantTypeAllowed('refresh_token') && [code.resource].flat().every((id) => resources.get(id)?.refresh ?? true),
    clientBasedCORS: () => true,
    fetch: async (url) => new Response(JSON.stringify(documents.get(String(url)))),
    features: {
      registration: { enabled: true },
      clientIdMetadataDocument: { enabled: true, ack: 'draft-02' },
      clientCredentials: { enabled: true },
      dPoP: { enabled: true, nonceSecret, requireNonce: () => nonces },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        getCertificate: (ctx) => ctx.socket.getPeerX509Certificate?.(),
      },
      introspection: { enabled: true },
      jwtIntrospection: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo,
        defaultResource: (ctx, client, oneOf) => oneOf ?? defaultOf(client),
        useGrantedResource: (ctx) => defaultOf(ctx.oidc.client) !== undefined,
      },
    },
  });
  registerTokenExchange(provider, { errors, keys, own: exchangers, getResourceServerInfo });
  provider.on('server_error', (ctx, error) => console.error(error));
  for (const what of ['authorization', 'grant', 'registration_create']) {
    provider.on(`${what}.error`, (ctx, error) => console.error(what, error.message, error.error_detail));
  }
  handle = provider.callback();
}

// serveTLS starts a server with TLS and returns its address.
function serveTLS({ cert, key }) {
  const tls = createTLSServer({ cert, key, requestCert: true, rejectUnauthorized: false }, (req, res) => handle(req, res));
  return new Promise((resolve) => {
    tls.listen(0, '127.0.0.1', () => resolve(`https://127.0.0.1:${tls.address().port}`));
  });
}

async function run(command) {
  if (command.client) clients.set(command.client.client_id, command.client);
  if (command.document) documents.set(command.document.client_id, command.document);
  if (command.resource) resources.set(command.resource.id, command.resource);
  if (command.exchange) exchangers.set(command.exchange.client, command.exchange.resource);
  if (command.rotate) keys = [...newKeys(), ...keys]; // the first matching key signs
  if (command.withdraw) keys = keys.filter(({ kid }) => kid.endsWith(`-${generation}`));
  if (command.nonces) nonces = true;
  build();
  return command.tls ? { tls: await serveTLS(command.tls) } : {};
}

const reply = (object) => process.stdout.write(`${JSON.stringify(object)}\n`);

const server = createServer((req, res) => handle(req, res));
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  keys = newKeys();
  build();
  reply({ issuer });
  createInterface({ input: process.stdin })
    .on('line', async (line) => {
      try {
        reply(await run(JSON.parse(line)));
      } catch (error) {
        reply({ error: String(error) });
      }
    })
    .on('close', () => process.exit());
});
