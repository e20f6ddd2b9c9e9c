"""An MCP server with the package mcp of PyPI, version 1 or 2, for the probe in internal/interop.

    python server.py '{"issuer":"http://127.0.0.1:1","keys":{"keys":[]},"audience":true}'

It protects the server with a token verifier, as the documentation of the package shows. The verifier
verifies the signature, the issuer and the expiry of a JWT. With "audience", the setting
validate_token_resource is on too. The program prints the URL of the server.
"""

import json
import socket
import sys
import warnings

import jwt
import uvicorn
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings

try:  # version 2
    from mcp.server import MCPServer
except ImportError:  # version 1
    from mcp.server.fastmcp import FastMCP

    MCPServer = None

settings = json.loads(sys.argv[1])
warnings.simplefilter("ignore")


class Verifier:
    """Verifies the signature, the issuer and the expiry."""

    def __init__(self):
        self.keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(settings["keys"]).keys}

    async def verify_token(self, token):
        try:
            key = self.keys[jwt.get_unverified_header(token)["kid"]]
            claims = jwt.decode(token, key, algorithms=["ES256"], issuer=settings["issuer"], options={"verify_aud": False})
        except (jwt.PyJWTError, KeyError):
            return None
        audience = claims.get("aud")
        return AccessToken(
            token=token,
            client_id=claims["client_id"],
            scopes=claims.get("scope", "").split(),
            expires_at=claims.get("exp"),
            resource=audience if isinstance(audience, str) else None,
        )


listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()  # connections wait until the server accepts them
origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
auth = AuthSettings(
    issuer_url=settings["issuer"],
    resource_server_url=origin + "/mcp",
    required_scopes=["tools"],
    validate_token_resource=settings["audience"],
)
if MCPServer is None:
    server = FastMCP("probed", token_verifier=Verifier(), auth=auth)
else:
    server = MCPServer("probed", token_verifier=Verifier(), auth=auth)
app = server.streamable_http_app()
print(origin + "/mcp", flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listener])
