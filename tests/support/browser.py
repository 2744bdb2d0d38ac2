"""A headless Chromium that a test looks into: pages by the DevTools protocol, their pictures as arrays."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import signal
import subprocess
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from PIL import Image

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--enable-unsafe-swiftshader"),
)
KEYS = {"Enter": 13, "ArrowDown": 40}


class Page:
    """One page of the browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._count = socket, 0

    async def ask(self, method: str, **values: Any) -> dict[str, Any]:
        """The answer of the browser."""
        self._count += 1
        await self._socket.send_json({"id": self._count, "method": method, "params": values})
        while True:
            answer = await self._socket.receive_json(timeout=30)
            if answer.get("id") == self._count:
                assert "error" not in answer, answer
                return dict(answer["result"])

    async def load(self, method: str = "Page.reload", **values: Any) -> None:
        """Load a page whole, the same one if no other is said."""
        await self.ask("Page.enable")
        await self.ask(method, **values)
        while (await self._socket.receive_json(timeout=30)).get("method") != "Page.loadEventFired":
            pass

    async def press(self, key: str) -> None:
        """A key by its name, or the character that it types."""
        typed = {} if key in KEYS else {"text": key}
        code = {"windowsVirtualKeyCode": KEYS[key]} if key in KEYS else {}
        await self.ask("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, **typed, **code)
        await self.ask("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, **code)

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression of JavaScript."""
        return (await self.ask("Runtime.evaluate", expression=expression))["result"].get("value")

    async def picture(self) -> Image.Image:
        """What the page shows."""
        return Image.open(io.BytesIO(b64decode((await self.ask("Page.captureScreenshot"))["data"]))).convert("RGB")

    async def colors(self) -> int:
        """How many colours there are in the picture."""
        pixels = np.asarray(await self.picture()).reshape(-1, 3)
        return len(np.unique(pixels, axis=0))


@asynccontextmanager
async def browser(home: Path, width: int = 1200, height: int = 800) -> AsyncIterator[Page]:
    """A browser with one empty page; it ends with its processes."""
    assert CHROMIUM is not None
    size = f"--window-size={width},{height}"
    words = [CHROMIUM, *QUIET, size, f"--user-data-dir={home}", "--remote-debugging-port=0", "about:blank"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    told = home / "DevToolsActivePort"
    try:
        async with aiohttp.ClientSession() as session, asyncio.timeout(60):
            while not (told.exists() and told.read_text()):
                await asyncio.sleep(0.05)
            port = told.read_text().split()[0]
            async with session.get(f"http://127.0.0.1:{port}/json") as answer:
                page = next(each for each in await answer.json() if each["type"] == "page")
            async with session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                yield Page(socket)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


async def settled(page: Page, enough: Callable[[int], bool]) -> int:
    """How many colours the page shows, once they are enough."""
    async with asyncio.timeout(60):
        while not enough(colors := await page.colors()):
            await asyncio.sleep(0.2)
    return colors
