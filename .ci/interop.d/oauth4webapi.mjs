#!/usr/bin/env node
// A client that uses npm oauth4webapi with DPoP: see flow.mjs. The library checks the protected
// resource metadata, and the authorization code is bound to the key (RFC 9449 section 10).
import * as oauth from 'oauth4webapi';
import { metadata, scope, serve, server, settings, visit } from './flow.mjs';

const http = { [oauth.allowInsecureRequests]: true };
const client = { client_id: settings.client_id };

// withNonce runs an action, and once more if the server requires a nonce. The handle keeps the nonce
// of the first response.
async function withNonce(action) {
  try {
    return await action();
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error;
    return action();
  }
}

async function discover() {
  const found = await oauth.processResourceDiscoveryResponse(server, await metadata());
  if (!found.dpop_signing_alg_values_supported.includes('ES256')) throw new Error('the metadata does not offer DPoP with ES256');
  const issuer = new URL(found.authorization_servers[0]);
  return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, http));
}

async function login() {
  const as = await discover();
  const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'));
  const verifier = oauth.generateRandomCodeVerifier();
  const url = new URL(as.authorization_endpoint);
  url.search = new URLSearchParams({
    client_id: settings.client_id, redirect_uri: settings.redirect, response_type: 'code', scope, resource: server.href,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
    dpop_jkt: await DPoP.calculateThumbprint(),
  });
  const parameters = oauth.validateAuthResponse(as, client, await visit(url), oauth.expectNoState);
  let tokens = await withNonce(async () => oauth.processAuthorizationCodeResponse(as, client, await oauth.authorizationCodeGrantRequest(
    as, client, oauth.None(), parameters, settings.redirect, verifier, { ...http, DPoP, additionalParameters: { resource: server.href } },
  )));
  const refresh = () => withNonce(async () => oauth.processRefreshTokenResponse(as, client, await oauth.refreshTokenGrantRequest(
    as, client, oauth.None(), tokens.refresh_token, { ...http, DPoP },
  )));
  const request = (headers, body) => withNonce(() => oauth.protectedResourceRequest(tokens.access_token, 'POST', server, headers, body, { ...http, DPoP }));
  return async (headers, body) => {
    if (tokens.token_type !== 'dpop') throw new Error(`the token type is ${tokens.token_type}`);
    try {
      return await request(headers, body);
    } catch (error) {
      if (!(error instanceof oauth.WWWAuthenticateChallengeError) || error.status !== 401 || !tokens.refresh_token) throw error;
      tokens = await refresh();
      return request(headers, body);
    }
  };
}

await serve(login);
