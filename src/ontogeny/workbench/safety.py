"""Who may ask: the Host that was meant, pages of our own, a token where others can reach the machine. And what a page may do.

The server listens on this machine alone unless told otherwise. A page of somebody else that has its name point here (DNS rebinding) sends its
own Host; one that posts here sends its own Origin; neither is answered.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

COOKIE = "ontogeny"
LOCAL = ("127.0.0.1", "localhost", "::1")
#: No script but ours, none inline; Plotly writes styles into elements, so those are allowed.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "font-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def is_local(host: str) -> bool:
    """Whether an address is reachable from this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def new_token() -> str:
    return secrets.token_urlsafe(24)


def names_of(host: str) -> frozenset[str]:
    """What a browser may call a server that listens on ``host``."""
    if is_local(host):
        return frozenset(LOCAL)
    own = {host.lower(), socket.gethostname().lower(), *LOCAL}
    if host in ("0.0.0.0", "::"):
        found = socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_STREAM)
        own |= {str(one[4][0]) for one in found}
    return frozenset(own)


class Guard:
    """Refuses what is not meant for us, before anything of ours sees it."""

    def __init__(
        self, app: ASGIApp, names: Iterable[str] = LOCAL, token: str = "", read_only: bool = False
    ) -> None:
        self.app, self.names, self.token, self.read_only = app, frozenset(names), token, read_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        request = Request(scope)
        answer = self._refusal(request) or self._signed_in(request)
        if answer is not None:
            answer.headers.update(HEADERS)
            await answer(scope, receive, send)
            return

        async def guarded(message: dict) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    *((name.lower().encode(), text.encode()) for name, text in HEADERS.items()),
                ]
            await send(message)

        await self.app(scope, receive, guarded)  # type: ignore[arg-type]

    def _refusal(self, request: Request) -> Response | None:
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
        if host.lower() not in self.names:
            return _no(421, f"This server is not '{host}'. Open it by the address that it printed.")
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            return _no(403, "A page from elsewhere asked; only the workbench's own pages are answered.")
        from_elsewhere = request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none")
        followed = request.method == "GET" and request.headers.get("sec-fetch-mode") == "navigate"  # a link
        if from_elsewhere and not followed:
            return _no(403, "A page from elsewhere asked; only the workbench's own pages are answered.")
        if request.method in ("GET", "HEAD"):
            return None
        if self.read_only:
            return _no(403, "This workbench is read-only: it was started with --read-only.")
        if request.headers.get("content-type", "").partition(";")[0] != "application/json" or not origin:
            return _no(403, "Changes are asked for in JSON, by a page of the workbench.")
        return None

    def _signed_in(self, request: Request) -> Response | None:
        """Nothing where no token is asked for or the cookie has it; the token of an address becomes a cookie."""
        if not self.token or self._same(request.cookies.get(COOKIE, "")):
            return None
        given = request.query_params.get("token", "")
        if request.method != "GET" or not self._same(given):
            return _no(401, "A token is needed: open the address with ?token=… that the command printed.")
        rest = request.url.remove_query_params("token").query
        answer = RedirectResponse(request.url.path + (f"?{rest}" if rest else ""), 303)
        answer.set_cookie(COOKIE, self.token, httponly=True, samesite="strict", path="/")
        return answer

    def _same(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self.token.encode())


def _no(status: int, text: str) -> Response:
    return JSONResponse({"error": text}, status)
