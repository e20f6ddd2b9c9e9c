"""A program that uses the client library mcp of PyPI, version 1 or 2, as its documentation shows.

It takes the same argument and has the same input and output as client.mjs, which describes them.
If the argument has "token", every request has that token, and there is no login. With "sse", the
transport is HTTP+SSE of MCP 2024-11-05. With "timeout", a call fails after so many seconds.
"""

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from urllib.parse import parse_qs, urlsplit

from mcp import ClientSession
from mcp.client.auth import OAuthClientProvider
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata

try:  # version 2
    import httpx2 as httpx
    from mcp import Client
    from mcp.client.auth import AuthorizationCodeResult
except ImportError:  # version 1
    import httpx

    Client = None

settings = json.loads(sys.argv[1])


def reply(message):
    print(json.dumps(message), flush=True)


async def read():
    line = await asyncio.to_thread(sys.stdin.readline)
    if not line:
        sys.exit(0)
    return json.loads(line)


class Storage:
    """The tokens and the registration of the client, in memory."""

    tokens = None
    information = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.information

    async def set_client_info(self, information):
        self.information = information


async def open_page(url):
    reply({"visit": url})


async def wait_for_redirect():
    query = parse_qs(urlsplit((await read())["redirect"]).query)
    code, state = query["code"][0], query["state"][0]
    if Client is None:
        return code, state
    return AuthorizationCodeResult(code=code, state=state, iss=query.get("iss", [None])[0])


def provider():
    metadata = {
        "client_name": "interop",
        "redirect_uris": [settings["redirect"]],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    }
    storage = Storage()
    if settings["registration"] == "preregistered":
        storage.information = OAuthClientInformationFull(client_id=settings["client_id"], **metadata)
    document = settings["client_id"] if settings["registration"] == "document" else None
    return OAuthClientProvider(
        settings["url"],
        OAuthClientMetadata(**metadata),
        storage,
        open_page,
        wait_for_redirect,
        client_metadata_url=document,
    )


async def connect(stack):
    """Opens a connection and returns the object that has call_tool."""
    if "sse" in settings:
        if "token" in settings:
            options = {"headers": {"Authorization": "Bearer " + settings["token"]}}
        else:
            options = {"auth": provider()}
        streams = await stack.enter_async_context(sse_client(settings["url"], **options))
        session = await stack.enter_async_context(ClientSession(streams[0], streams[1]))
        await session.initialize()
        return session
    if "token" in settings:
        options = {"headers": {"Authorization": "Bearer " + settings["token"]} if settings["token"] else {}}
    else:
        options = {"auth": provider()}
    http = await stack.enter_async_context(httpx.AsyncClient(timeout=30, **options))
    transport = streamable_http_client(settings["url"], http_client=http)
    if Client is not None:
        return await stack.enter_async_context(Client(transport))
    streams = await stack.enter_async_context(transport)
    session = await stack.enter_async_context(ClientSession(streams[0], streams[1]))
    await session.initialize()
    return session


def describe(error):
    """Returns what the library says. Its tasks put errors into groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


async def serve(call):
    """Opens a connection and calls tools, until the connection fails."""
    async with AsyncExitStack() as stack:
        session = await connect(stack)
        while True:
            try:
                async with asyncio.timeout(float(settings["timeout"]) if "timeout" in settings else None):
                    result = await session.call_tool(call, {})
                reply({"text": "\n".join(part.text for part in result.content)})
            except Exception as error:
                reply({"error": describe(error)})
            call = (await read())["call"]


async def main():
    while True:
        call = (await read())["call"]
        try:
            await serve(call)
        except Exception as error:
            reply({"error": describe(error)})


asyncio.run(main())
