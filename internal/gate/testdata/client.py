"""Uses an MCP server. The arguments are the transport, the URL and the token."""
import asyncio
import sys

from mcp import ClientSession
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamablehttp_client


async def main(transport, url, token):
    connect = sse_client if transport == "sse" else streamablehttp_client
    async with connect(url, headers={"Authorization": "Bearer " + token}) as streams:
        async with ClientSession(streams[0], streams[1]) as session:
            await session.initialize()
            print("tools", [tool.name for tool in (await session.list_tools()).tools])
            print("add", (await session.call_tool("add", {"a": 2, "b": 3})).content[0].text)
            seen = []

            async def progress(done, total, message):
                seen.append(done)

            result = await session.call_tool("count", {"to": 3}, progress_callback=progress)
            print("count", result.content[0].text, len(seen))
            print("who", (await session.call_tool("who", {})).content[0].text)


asyncio.run(main(*sys.argv[1:]))
