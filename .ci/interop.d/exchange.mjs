// Token exchange (RFC 8693) for provider.mjs, because oidc-provider has no such grant.
//
// A client may exchange access tokens of users for its own resource, for tokens for one other
// resource and for scopes that the user's token has too. The new token expires with that token at the
// latest. Tokens that are bound to a key or a certificate are not exchanged.
import { createLocalJWKSet, jwtVerify } from 'jose'; // a dependency of oidc-provider

const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token';
const parameters = ['subject_token', 'subject_token_type', 'requested_token_type', 'resource', 'scope'];

// registerTokenExchange adds the grant to a Provider. keys are its signing keys, own has the resource
// of each client that may exchange tokens, and getResourceServerInfo is that of the configuration.
export function registerTokenExchange(provider, { errors, keys, own, getResourceServerInfo }) {
  provider.registerGrantType('urn:ietf:params:oauth:grant-type:token-exchange', async (ctx) => {
    const { client, params } = ctx.oidc;
    if (params.subject_token_type !== accessTokenType || (params.requested_token_type ?? accessTokenType) !== accessTokenType) {
      throw new errors.InvalidRequest('only access tokens are exchanged');
    }
    const subject = await findSubject(provider, keys, params.subject_token);
    if (!subject || subject.aud !== own.get(client.clientId)) { // RFC 8693 §2.2.2
      throw new errors.InvalidRequest('subject_token is not valid');
    }
    if (typeof params.resource !== 'string') throw new errors.InvalidTarget('exactly one resource is required');
    const info = await getResourceServerInfo(ctx, params.resource, client);
    const scopes = (params.scope ?? subject.scope).split(' ');
    const missing = scopes.filter((scope) => ![subject.scope, info.scope].every((list) => list.split(' ').includes(scope)));
    if (missing.length > 0) throw new errors.InvalidScope('the user has not granted the scope', missing.join(' '));

    const token = new provider.AccessToken({ accountId: subject.accountId, client, scope: scopes.join(' '), gty: 'token_exchange' });
    token.resourceServer = new provider.ResourceServer(params.resource, info);
    token.expiresIn = Math.min(info.accessTokenTTL, subject.exp - Math.floor(Date.now() / 1000));
    ctx.oidc.entity('AccessToken', token);
    ctx.body = {
      access_token: await token.save(),
      issued_token_type: accessTokenType,
      token_type: token.tokenType,
      expires_in: token.expiration,
      scope: token.scope,
    };
  }, parameters, ['resource']);
}

// findSubject returns the audience, user, scope and expiry of an access token of a user, or undefined.
async function findSubject(provider, keys, value) {
  const stored = await provider.AccessToken.find(value); // opaque tokens only
  if (stored) {
    return stored.isSenderConstrained() ? undefined : stored;
  }
  const set = createLocalJWKSet({ keys: keys.map(({ d, p, q, dp, dq, qi, ...rest }) => rest) });
  try {
    const { payload } = await jwtVerify(value, set, { issuer: provider.issuer, typ: 'at+jwt' });
    if (payload.cnf || payload.sub === payload.client_id) return undefined;
    return { aud: payload.aud, accountId: payload.sub, scope: payload.scope ?? '', exp: payload.exp };
  } catch {
    return undefined;
  }
}
