"""An MCP server with the package mcp of PyPI, version 1 or 2, that knows nothing of OAuth.

    python plain.py '{"transport":"streamable-http","stateless":false}'

The gate (warder serve) protects it in internal/interop. transport is streamable-http or sse. The tools
return their name and the caller in the header fields X-User and X-Scopes of the gate. They fail if the
request has an access token. The program prints the URL of the server.
"""

import json
import socket
import sys
import warnings

import uvicorn

try:  # version 2
    from mcp.server.mcpserver import Context, MCPServer

    version1 = False
except ImportError:  # version 1
    from mcp.server.fastmcp import Context
    from mcp.server.fastmcp import FastMCP as MCPServer

    version1 = True

settings = json.loads(sys.argv[1])
warnings.simplefilter("ignore")
stateless = settings.get("stateless", False)
server = MCPServer("plain", stateless_http=stateless) if version1 else MCPServer("plain")


def answer(tool: str, ctx: Context) -> str:
    headers = ctx.request_context.request.headers
    if "authorization" in headers or "dpop" in headers:
        raise ValueError("the server received a token or a proof")
    return f"{tool} for {headers.get('x-user', 'anybody')} with {headers.get('x-scopes', '')}"


@server.tool()
def whoami(ctx: Context) -> str:
    return answer("whoami", ctx)


@server.tool()
def write(ctx: Context) -> str:
    return answer("write", ctx)


@server.tool()
def search(ctx: Context) -> str:
    return answer("search", ctx)


if settings["transport"] == "sse":
    app, path = server.sse_app(), "/sse"
elif version1:
    app, path = server.streamable_http_app(), "/mcp"
else:
    app, path = server.streamable_http_app(stateless_http=stateless), "/mcp"
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()  # connections wait until the server accepts them
print(f"http://127.0.0.1:{listener.getsockname()[1]}{path}", flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listener])
