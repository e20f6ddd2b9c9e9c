// Shared code of oauth4webapi.mjs and openid-client.mjs: a program that calls tools of an MCP
// server with a general OAuth library, and with DPoP (RFC 9449). It has the same argument, input
// and output as client.mjs, which describes them. The client is registered beforehand.
//
// The library gets the URL of the MCP server and the client's ID. Its module exports login, which
// returns a function that sends a request, and uses a refresh token if the response is 401.
import { createInterface } from 'node:readline';

export const settings = JSON.parse(process.argv[2]);
export const server = new URL(settings.url);
export const scope = 'mcp:read';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const reply = (object) => process.stdout.write(`${JSON.stringify(object)}\n`);
const next = async () => {
  const { done, value } = await lines.next();
  return done ? process.exit() : JSON.parse(value);
};

// visit lets the user open a URL and returns the redirect URL.
export async function visit(url) {
  reply({ visit: url.href });
  return new URL((await next()).redirect);
}

// metadata sends a request without a token and gets the protected resource metadata from the URL in
// the challenge (RFC 9728 section 5.1), like an MCP client.
export async function metadata() {
  const { status, headers } = await fetch(server, { method: 'POST' });
  if (status !== 401) throw new Error(`got ${status} without a token`);
  const [, address] = /resource_metadata="([^"]+)"/.exec(headers.get('www-authenticate'));
  return fetch(address);
}

// toolCall returns the body and the header fields of a request for a server without sessions.
function toolCall(name) {
  const headers = new Headers({
    'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25',
  });
  const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: {} } };
  return { headers, body: JSON.stringify(body) };
}

// textOf returns the text of a result, which is JSON or one event of a stream.
async function textOf(response) {
  const body = await response.text();
  const json = response.headers.get('content-type').startsWith('text/event-stream') ? /^data: (\{.*)$/m.exec(body)[1] : body;
  const { result, error } = JSON.parse(json);
  if (error) throw new Error(error.message);
  return result.content.map(({ text }) => text).join('\n');
}

export async function serve(login) {
  let send;
  for (;;) {
    const { call } = await next();
    try {
      send ??= await login();
      const { headers, body } = toolCall(call);
      reply({ text: await textOf(await send(headers, body)) });
    } catch (error) {
      reply({ error: `${error}${error.cause?.error ? ` ${error.cause.error}` : ''}` });
    }
  }
}
