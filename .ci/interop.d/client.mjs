// Shared code of sdk1.mjs and sdk2.mjs: a program that uses an MCP client library as its
// documentation shows. Its user communicates over standard input and output.
//
//   sdk1.mjs '{"url":"http://127.0.0.1:1/mcp","redirect":"http://127.0.0.1:2/callback",
//              "registration":"dynamic","client_id":""}'
//
// registration is dynamic, document or preregistered; the last two require a client_id. With
// "dpop":"true", a library that supports DPoP uses it. The
// program reads one JSON object per line and replies to each with one:
//
//   {"call":"whoami"}          {"text":"..."}, {"error":"..."} or {"visit":"http://..."}:
//                              the user must open that URL and send the redirect URL:
//   {"redirect":"http://..."}  the reply to the call, as above
import { createInterface } from 'node:readline';

const settings = JSON.parse(process.argv[2]);
console.warn = console.error; // standard output is reserved for replies

// The OAuth client provider of the library: it stores the client's state in memory.
class AuthProvider {
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

  information = settings.registration === 'preregistered' ? { client_id: settings.client_id } : undefined;

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
const reply = (object) => process.stdout.write(`${JSON.stringify(object)}\n`);
const next = async () => {
  const { done, value } = await lines.next();
  return done ? process.exit() : JSON.parse(value);
};

export async function serve({ Client, Transport, UnauthorizedError, finish, newDPoPSession }) {
  const provider = new AuthProvider();
  if (settings.dpop) {
    const session = await newDPoPSession();
    provider.dpop = () => session;
  }
  let client;
  let transport;

  // Runs the action. If it requires a login, waits for the user to log in and runs it again.
  const withLogin = async (action) => {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof UnauthorizedError)) throw error;
    }
    reply({ visit: provider.address });
    const { redirect } = await next();
    await finish(transport, new URL(redirect).searchParams);
    return action();
  };
  const open = async () => {
    const opened = new Client({ name: 'interop', version: '1' });
    transport = new Transport(new URL(settings.url), { authProvider: provider });
    await opened.connect(transport);
    client = opened;
  };
  for (;;) {
    const { call } = await next();
    try {
      if (!client) {
        await withLogin(open);
        await withLogin(() => client.listTools());
      }
      const result = await withLogin(() => client.callTool({ name: call, arguments: {} }));
      reply({ text: result.content.map(({ text }) => text).join('\n') });
    } catch (error) {
      reply({ error: String(error) });
    }
  }
}
