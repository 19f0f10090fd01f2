"""What is checked of a request before the application sees it, and the headers of every answer.

A request must name a host that the server goes by: a page elsewhere whose name is made to point at this
machine (DNS rebinding) gets no answer. Its body must be small enough and arrive in time. No more than
`most_waiting` requests with a body are under way at a time; the next is refused with 503, so that memory and
the time that one waits are bounded.
"""

import asyncio
import json
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
BODY_SECONDS = 30.0
"""In which a body must have arrived."""


class Refused(Exception):
    """A request that the application does not see.

    Args:
        status: The HTTP status.
        reason: One line.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class Guard:
    """ASGI middleware that refuses what is described above with one line of JSON.

    Args:
        app: The application.
        hosts: Names that a request may be addressed to; all where it is empty.
        most_bytes: Of a body.
        most_waiting: Requests with a body at a time.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str], most_bytes: int, most_waiting: int) -> None:
        self.app, self.hosts = app, frozenset(hosts)
        self.most_bytes, self.most_waiting = most_bytes, most_waiting
        self.waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        try:
            self._check_host(Headers(scope=scope).get("host", ""))
            if scope["method"] in ("GET", "HEAD"):
                await self.app(scope, receive, send_with_headers)
            else:
                await self._with_body(scope, receive, send_with_headers)
        except Refused as refused:
            await _refuse(refused, send_with_headers)

    def _check_host(self, host: str) -> None:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            name = ""
        if self.hosts and name not in self.hosts:
            raise Refused(400, f"this server does not go by the name {host[:100]!a}")

    async def _with_body(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.waiting >= self.most_waiting:
            raise Refused(503, f"busy: {self.waiting} requests are waiting, try again in a second")
        self.waiting += 1
        try:
            body = await self._body(scope, receive)
            sent = False

            async def replay() -> Message:
                nonlocal sent
                if sent:
                    return await receive()
                sent = True
                return {"type": "http.request", "body": body, "more_body": False}

            await self.app(scope, replay, send)
        finally:
            self.waiting -= 1

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """The whole body of a request."""
        too_large = Refused(413, f"a request has at most {self.most_bytes / 2**20:g} MiB")
        length = Headers(scope=scope).get("content-length", "")
        if length.isdigit() and int(length) > self.most_bytes:
            raise too_large
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Refused(400, "the request ended early")
                    body += message.get("body", b"")
                    if len(body) > self.most_bytes:
                        raise too_large
                    if not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError:
            raise Refused(408, f"the body did not arrive in {BODY_SECONDS:g} s") from None


async def _refuse(refused: Refused, send: Send) -> None:
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    if refused.status == 503:
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"error": refused.reason}).encode()})
