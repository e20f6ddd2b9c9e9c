#!/usr/bin/env node
// A client that uses npm @modelcontextprotocol/sdk 1: see client.mjs.
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as Transport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { serve } from './client.mjs';

const finish = (transport, query) => transport.finishAuth(query.get('code'));
await serve({ Client, Transport, UnauthorizedError, finish });
