// An MCP server with @modelcontextprotocol/sdk 1 and its middleware requireBearerAuth and
// mcpAuthMetadataRouter, as the examples of the SDK use them, for the probe in internal/interop.
//
//   node server1.mjs '{"issuer":"http://127.0.0.1:1","audience":true}'
//
// The verifier verifies the signature, the issuer and the expiry of a JWT. With "audience", the
// option expectedResource is set too. The program prints the URL of the server.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js';
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import { getOAuthProtectedResourceMetadataUrl, mcpAuthMetadataRouter } from '@modelcontextprotocol/sdk/server/auth/router.js';
import { createMcpExpressApp } from '@modelcontextprotocol/sdk/server/express.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { isInitializeRequest } from '@modelcontextprotocol/sdk/types.js';

const settings = JSON.parse(process.argv[2]);
const oauthMetadata = await (await fetch(`${settings.issuer}/.well-known/oauth-authorization-server`)).json();
const keys = createRemoteJWKSet(new URL(oauthMetadata.jwks_uri));

const verifier = {
  async verifyAccessToken(token) {
    try {
      const { payload } = await jwtVerify(token, keys, { issuer: settings.issuer });
      return {
        token,
        clientId: payload.client_id,
        scopes: (payload.scope ?? '').split(' '),
        expiresAt: payload.exp,
        resource: typeof payload.aud === 'string' ? new URL(payload.aud) : undefined,
      };
    } catch (error) {
      throw new InvalidTokenError(error.message);
    }
  },
};

const web = createServer();
web.listen(0, '127.0.0.1', () => {
  const url = new URL(`http://127.0.0.1:${web.address().port}/mcp`);
  const app = createMcpExpressApp();
  app.use(mcpAuthMetadataRouter({ oauthMetadata, resourceServerUrl: url, scopesSupported: ['tools'] }));
  const auth = requireBearerAuth({
    verifier,
    requiredScopes: ['tools'],
    resourceMetadataUrl: getOAuthProtectedResourceMetadataUrl(url),
    expectedResource: settings.audience ? url : undefined,
  });
  const transports = {};
  app.post('/mcp', auth, async (req, res) => {
    const id = req.headers['mcp-session-id'];
    let transport = transports[id];
    if (!transport && !id && isInitializeRequest(req.body)) {
      transport = new StreamableHTTPServerTransport({
        sessionIdGenerator: () => randomUUID(),
        onsessioninitialized: (created) => { transports[created] = transport; },
      });
      await new McpServer({ name: 'probed', version: '1' }).connect(transport);
    }
    if (!transport) {
      res.status(400).json({ jsonrpc: '2.0', error: { code: -32000, message: 'Bad Request: No valid session ID provided' }, id: null });
      return;
    }
    await transport.handleRequest(req, res, req.body);
  });
  const inSession = async (req, res) => {
    const transport = transports[req.headers['mcp-session-id']];
    if (!transport) {
      res.status(400).send('Invalid or missing session ID');
      return;
    }
    await transport.handleRequest(req, res);
  };
  app.get('/mcp', auth, inSession);
  app.delete('/mcp', auth, inSession);
  web.on('request', app);
  console.log(url.href);
});
