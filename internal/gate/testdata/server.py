"""An MCP server without any authorization. The arguments are the transport and the name of the server."""
import sys

from mcp.server.fastmcp import Context, FastMCP

server = FastMCP("demo", host="127.0.0.1", port=0)


@server.tool()
async def add(a: int, b: int) -> int:
    return a + b


@server.tool()
async def count(to: int, ctx: Context) -> str:
    for n in range(to):
        await ctx.report_progress(n, to)
    return "counted"


@server.tool()
async def who(ctx: Context) -> str:
    headers = ctx.request_context.request.headers
    return headers.get("x-user", "none") + " " + headers.get("authorization", "none")


server.run(transport=sys.argv[1])
