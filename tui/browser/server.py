"""The server of pages: textual-serve's, which answers only whoever was told the address with its token."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from hmac import compare_digest
from pathlib import Path

from aiohttp import web
from textual_serve.server import Server

from tui.browser.addresses import in_address, is_own

PAGES = Path(__file__).parent
TOKEN = "token"


class PageServer(Server):  # type: ignore[misc, unused-ignore]  # untyped, and not installed everywhere
    """Starts the app for each page that is opened, and ends it with the page.

    Other users of this machine reach its ports, and so do pages of other sites that its browser shows: a page is given
    to who knows the token, which it keeps as a cookie, and nothing to a request that another site made.
    """

    def __init__(self, command: str, host: str, port: int, title: str) -> None:
        super().__init__(command, host, port, title, templates_path=PAGES)
        self.token, self.cookie = secrets.token_urlsafe(24), f"vae-tui-{secrets.token_hex(4)}"
        self._pages: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return f"http://{in_address(self.host)}:{self.port}/?{TOKEN}={self.token}"

    def serve_until_interrupted(self, say: Callable[[], None]) -> None:
        """Serve; `say` is called once somebody can come. Raises OSError where the port is not to be had."""
        logging.basicConfig(format="%(message)s", level=logging.WARNING)
        # What is to be printed comes once it listens; textual-serve's own start-up hook comes before.
        web.run_app(self._make_app(), host=self.host, port=self.port, print=lambda *words: say())

    async def on_startup(self, app: web.Application) -> None:
        """Nothing of its own is said."""

    async def on_shutdown(self, app: web.Application) -> None:
        for page in self._pages:
            page.cancel()

    async def handle_index(self, request: web.Request) -> web.StreamResponse:
        if self._is_token(request.query.get(TOKEN, "")) and self._is_asked_here(request):
            response = web.HTTPSeeOther("/")
            response.set_cookie(self.cookie, self.token, httponly=True, samesite="Strict")
            return response
        self._refuse_strangers(request)
        page: web.StreamResponse = await super().handle_index(request)
        return page

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        self._refuse_strangers(request)
        page = asyncio.current_task()
        assert page is not None
        self._pages.add(page)
        try:
            return await super().handle_websocket(request)
        finally:
            self._pages.discard(page)

    async def handle_download(self, request: web.Request) -> web.StreamResponse:
        self._refuse_strangers(request)
        return await super().handle_download(request)

    def _refuse_strangers(self, request: web.Request) -> None:
        if not (self._is_token(request.cookies.get(self.cookie, "")) and self._is_asked_here(request)):
            raise web.HTTPForbidden(text="open the whole address that vae-tui serve printed, with its token\n")

    def _is_token(self, given: str) -> bool:
        return compare_digest(given.encode(), self.token.encode())

    def _is_asked_here(self, request: web.Request) -> bool:
        """Whether no other site had the browser ask: by a name of its own for this machine, or from its page."""
        try:
            name = request.url.host or ""
        except ValueError:  # the request names no address
            return False
        return is_own(name) and request.headers.get("Origin", f"http://{request.host}") == f"http://{request.host}"
