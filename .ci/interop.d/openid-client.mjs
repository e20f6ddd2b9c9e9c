#!/usr/bin/env node
// A client that uses npm openid-client with DPoP: see flow.mjs. The library sends a request again
// if the server requires a nonce. It does not read protected resource metadata: this program does.
import * as openid from 'openid-client';
import { metadata, scope, serve, server, settings, visit } from './flow.mjs';

async function issuer() {
  const { resource, authorization_servers: servers } = await (await metadata()).json();
  if (resource !== server.href) throw new Error(`the metadata is of ${resource}`);
  return new URL(servers[0]);
}

async function login() {
  const config = await openid.discovery(await issuer(), settings.client_id, { token_endpoint_auth_method: 'none' }, openid.None(), { execute: [openid.allowInsecureRequests] });
  const DPoP = openid.getDPoPHandle(config, await openid.randomDPoPKeyPair());
  const verifier = openid.randomPKCECodeVerifier();
  const redirect = await visit(openid.buildAuthorizationUrl(config, {
    redirect_uri: settings.redirect, scope, resource: server.href,
    code_challenge: await openid.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  }));
  let tokens = await openid.authorizationCodeGrant(config, redirect, { pkceCodeVerifier: verifier }, { resource: server.href }, { DPoP });
  const request = (headers, body) => openid.fetchProtectedResource(config, tokens.access_token, server, 'POST', body, headers, { DPoP });
  return async (headers, body) => {
    if (tokens.token_type !== 'dpop') throw new Error(`the token type is ${tokens.token_type}`);
    try {
      return await request(headers, body);
    } catch (error) {
      if (!(error instanceof openid.WWWAuthenticateChallengeError) || error.status !== 401 || !tokens.refresh_token) throw error;
      tokens = await openid.refreshTokenGrant(config, tokens.refresh_token, {}, { DPoP });
      return request(headers, body);
    }
  };
}

await serve(login);
