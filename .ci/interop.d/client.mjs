// What sdk1.mjs and sdk2.mjs have in common: a program that uses an MCP client library
// as its documentation says, with its user on standard input and output.
//
//   sdk1.mjs '{"url":"http://127.0.0.1:1/mcp","redirect":"http://127.0.0.1:2/callback",
//              "registration":"dynamic","client_id":""}'
//
// registration is dynamic, document or known; the last two have a client_id. It reads
// one JSON object a line and answers each with one:
//
//   {"call":"whoami"}        {"text":"..."}, {"error":"..."}, or {"visit":"http://..."}:
//                            the user must go there, and say where that ended:
//   {"back":"http://..."}    the answer to the call, as above
import { createInterface } from 'node:readline';

const settings = JSON.parse(process.argv[2]);
console.warn = console.error; // standard output is for answers

// What the library asks its user to keep, and where it leaves what it wants.
class Memory {
  redirectUrl = settings.redirect;

  clientMetadata = {
    client_name: 'interop',
    redirect_uris: [settings.redirect],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    application_type: 'native',
  };

  clientMetadataUrl = settings.registration === 'document' ? settings.client_id : undefined;

  information = settings.registration === 'known' ? { client_id: settings.client_id } : undefined;

  state = () => crypto.randomUUID();
  clientInformation = () => this.information;
  saveClientInformation = (information) => { this.information = information; };
  tokens = () => this.saved;
  saveTokens = (tokens) => { this.saved = tokens; };
  codeVerifier = () => this.verifier;
  saveCodeVerifier = (verifier) => { this.verifier = verifier; };
  discoveryState = () => this.discovered;
  saveDiscoveryState = (state) => { this.discovered = state; };
  redirectToAuthorization = (url) => { this.address = url; };
  invalidateCredentials = (what) => {
    if (what === 'all' || what === 'tokens') this.saved = undefined;
  };
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (object) => process.stdout.write(`${JSON.stringify(object)}\n`);
const next = async () => {
  const { done, value } = await lines.next();
  return done ? process.exit() : JSON.parse(value);
};

export async function serve({ Client, Transport, UnauthorizedError, finish }) {
  const memory = new Memory();
  let client;
  let transport;

  // Does the action, and once more after the user has logged in, if that is what it takes.
  const withUser = async (action) => {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof UnauthorizedError)) throw error;
    }
    say({ visit: memory.address });
    const { back } = await next();
    await finish(transport, new URL(back).searchParams);
    return action();
  };
  const open = async () => {
    const fresh = new Client({ name: 'interop', version: '1' });
    transport = new Transport(new URL(settings.url), { authProvider: memory });
    await fresh.connect(transport);
    client = fresh;
  };
  for (;;) {
    const { call } = await next();
    try {
      if (!client) await withUser(open);
      const result = await withUser(() => client.callTool({ name: call, arguments: {} }));
      say({ text: result.content.map(({ text }) => text).join('\n') });
    } catch (error) {
      say({ error: String(error) });
    }
  }
}
