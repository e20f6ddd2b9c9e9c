#!/usr/bin/env node
// A client that uses npm @modelcontextprotocol/client 2: see client.mjs.
import { Client, DpopSession, StreamableHTTPClientTransport as Transport, UnauthorizedError } from '@modelcontextprotocol/client';
import { serve } from './client.mjs';

const finish = (transport, query) => transport.finishAuth(query);
await serve({ Client, Transport, UnauthorizedError, finish, newDPoPSession: () => DpopSession.create() });
