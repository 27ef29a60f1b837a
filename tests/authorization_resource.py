"""What the tokens are for: an MCP server of either era with one tool, and a REST API."""

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from authorization_server import AuthorizationServer, ResourceHttp, Seen

MODERN, LEGACY = "2026-07-28", "2025-11-25"
TOOL = {
    "name": "whoami",
    "description": "Says who calls.",
    "inputSchema": {"type": "object", "properties": {}},
    "annotations": {"readOnlyHint": True},
}


class Resource:
    """`/mcp`, `/api/...` and their metadata. `counts` stand in the server's ledger.

    `needed` are scopes that a call (tools/call, any GET of /api) needs beyond a token;
    `echoes` makes an answer hold the whole authorization header; `still_refuses` refuses with
    insufficient_scope even where every needed scope was granted.
    """

    def __init__(self, owner: "AuthorizationServer") -> None:
        self.owner = owner
        self.era = "modern"
        self.needed: tuple[str, ...] = ()
        self.echoes = self.still_refuses = False
        self.protects_listing = True  # False: only tools/call needs a token

    def answer(self, http: "ResourceHttp", seen: "Seen") -> None:
        """One request to the resource's socket."""
        prefix = "/.well-known/oauth-protected-resource"
        if seen.path.startswith(prefix):
            self._describe(http, seen.path.removeprefix(prefix))
        elif seen.path == "/mcp":
            self._mcp(http, seen)
        elif seen.path.startswith("/api"):
            if self._admits(http, seen, "/api", is_call=True):
                http.json(self._who(seen))
        else:
            http.json({"error": "not_found"}, 404)

    def _describe(self, http: "ResourceHttp", path: str) -> None:
        root = self.owner.faults.resource_at_root
        if path not in (("",) if root else ("/mcp", "/api")):
            http.json({"error": "not_found"}, 404)
            return
        self.owner.ledger.counts["resource metadata"] += 1
        url = self.owner.resource_origin + ("/mcp" if root else path)
        http.json(self.owner.resource_metadata(url))

    def _admits(self, http: "ResourceHttp", seen: "Seen", path: str, *, is_call: bool) -> bool:
        """Whether the request bears a good token for this resource; answers it otherwise."""
        ledger, resource = self.owner.ledger, self.owner.resource_origin + path
        found = ledger.valid(seen.headers.get("authorization", "").removeprefix("Bearer "))
        if found is None or found.audience not in ("", resource):
            ledger.counts[f"401 {path}"] += 1
            self._challenge(http, path, bool(seen.headers.get("authorization")))
            return False
        if is_call and (self.still_refuses or not set(self.needed) <= set(found.scopes)):
            ledger.counts[f"403 {path}"] += 1
            said = f'Bearer error="insufficient_scope", scope="{" ".join(self.needed)}"'
            http.json({"error": "insufficient_scope"}, 403, WWW_Authenticate=said)
            return False
        ledger.counts[f"200 {path}"] += 1
        return True

    def _challenge(self, http: "ResourceHttp", path: str, had_token: bool) -> None:
        faults = self.owner.faults
        said = faults.challenge
        if said is None:
            url = f"{self.owner.resource_origin}/.well-known/oauth-protected-resource{path}"
            said = f'Bearer resource_metadata="{url}"'
            said += f', scope="{faults.challenge_scope}"' if faults.challenge_scope else ""
            said += ', error="invalid_token"' if had_token else ""
        http.json({"error": "unauthorized"}, 401, **({"WWW_Authenticate": said} if said else {}))

    def _who(self, seen: "Seen") -> dict[str, Any]:
        said = seen.headers.get("authorization", "") if self.echoes else "ada"
        return {"who": said, "path": seen.path, "query": seen.query}

    # -- MCP

    def _mcp(self, http: "ResourceHttp", seen: "Seen") -> None:
        if seen.method != "POST":
            if not self._admits(http, seen, "/mcp", is_call=False):
                return
            http.reply(405 if seen.method == "GET" else 200)
            return
        message = json.loads(seen.body)
        is_call = message.get("method") == "tools/call"
        open_listing = not self.protects_listing and not is_call
        if not open_listing and not self._admits(http, seen, "/mcp", is_call=is_call):
            return
        if "id" not in message:
            http.reply(202)
            return
        result = self._result(seen, message)
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": message["id"]}
        if result is None:
            error = {"code": -32601, "message": "Method not found"}
            http.json({**reply, "error": error}, 404 if self.era == "modern" else 400)
            return
        session = {"Mcp_Session_Id": "session-1"} if message["method"] == "initialize" else {}
        http.json({**reply, "result": result}, **session)

    def _result(self, seen: "Seen", message: dict[str, Any]) -> dict[str, Any] | None:
        worded = {"resultType": "complete"} if self.era == "modern" else {}
        cached = {"ttlMs": 0, "cacheScope": "private"} if self.era == "modern" else {}
        match message["method"]:
            case "initialize" if self.era == "legacy":
                info = {"name": "guarded", "version": "1"}
                tools: dict[str, Any] = {"tools": {}}
                return {"protocolVersion": LEGACY, "capabilities": tools, "serverInfo": info}
            case "server/discover" if self.era == "modern":
                capabilities = {"tools": {}}
                return {
                    **worded,
                    "supportedVersions": [MODERN],
                    "capabilities": capabilities,
                    **cached,
                }
            case "tools/list":
                return {**worded, "tools": [TOOL], **cached}
            case "tools/call":
                text = json.dumps(self._who(seen))
                return {**worded, "content": [{"type": "text", "text": text}]}
            case "ping" if self.era == "legacy":
                return {}
        return None
