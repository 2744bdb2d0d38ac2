"""`vae-tui serve` shows the app in a browser to whoever was told its address, on this machine only."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from typer.testing import CliRunner

from core import packages, program
from core.errors import RunError
from tests.conftest import CHECKPOINTS
from tui.browser import addresses, serve
from tui.command_line import command_line

WaitUntil = Callable[..., None]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "gpu-box"])
def test_an_address_that_others_reach_is_refused_with_what_does_it_instead(host: str) -> None:
    said = str(CliRunner().invoke(command_line(), ["serve", "--host", host, "--port", "8111"]).exception)
    assert said.startswith(f"host must be 127.0.0.1 or localhost, not {host}")
    assert "ssh -L 8111:127.0.0.1:8111 " in said
    assert f"@{socket.gethostname()}" in said
    assert all(map(addresses.is_own, ("127.0.0.1", "127.1.2.3", "::1", "localhost")))


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "find_spec", lambda name: None)
    said = str(CliRunner().invoke(command_line(), ["serve"]).exception)
    assert said == "serve needs textual-serve: pip install textual-serve"


def test_the_extras_that_messages_name_are_those_of_the_program() -> None:
    declared = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    wanted = declared["optional-dependencies"]
    extras = {name: tuple(re.split("[><=]", each)[0] for each in wanted[name]) for name in packages.EXTRAS}
    assert extras == packages.EXTRAS
    assert {*wanted} == {*packages.EXTRAS, "test"}


@pytest.mark.parametrize(
    ("host", "ends"),
    [("127.0.0.1", "8023:127.0.0.1"), ("::1", "[::1]:8023:[::1]"), ("localhost", "localhost:8023:localhost")],
)
def test_the_tunnel_leads_to_where_somebody_listens_from_the_address_that_is_opened(host: str, ends: str) -> None:
    assert addresses.tunnel(8023, host).startswith(f"ssh -L {ends}:8023 ")


def test_a_port_that_is_taken_is_told_in_a_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(RunError, match="take another --port"):
        addresses.check_port("127.0.0.1", taken.getsockname()[1])


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def test_the_address_is_said_once_somebody_can_come() -> None:
    web = pytest.importorskip("aiohttp.web")
    pytest.importorskip("textual_serve")
    from tui.browser.server import PageServer

    came: list[int] = []

    def come() -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as page:
            came.append(page.getpeername()[1])
        raise web.GracefulExit

    port = free_port()
    PageServer("true", "127.0.0.1", port, "vae-tui").serve_until_interrupted(come)
    assert came == [port]


@dataclass
class Served:
    """A server as a user starts it."""

    process: subprocess.Popen[str]
    address: str

    @property
    def apps(self) -> list[psutil.Process]:
        """What it started for its pages."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
        """Status, headers and text of an answer."""
        connection = HTTPConnection(urlsplit(self.address).netloc, timeout=30)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()

    def let_in(self) -> dict[str, str]:
        """What a browser sends that was given the whole address."""
        address = urlsplit(self.address)
        status, headers, _ = self.get(f"/?{address.query}")
        assert (status, headers["Location"]) == (303, "/")
        return {"Cookie": headers["Set-Cookie"].partition(";")[0]}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    pytest.importorskip("textual_serve")
    port = free_port()
    # What is drawn on is the page: the terminal and the locale of the command do not matter.
    environment = os.environ | {"XDG_CONFIG_HOME": str(tmp_path), "TERM": "dumb", "LC_ALL": "C"}
    command = [*program.words("serve"), "vae-mnist", "--runs-dir", str(CHECKPOINTS), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True)
    try:
        assert process.stdout is not None
        yield Served(process, process.stdout.readline().removeprefix("open ").strip())
    finally:
        for child in psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []:
            child.kill()
        process.kill()
        process.wait()


def test_only_who_has_the_address_gets_a_page_and_no_other_site_does(served: Served) -> None:
    asked_for_socket = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}  # fmt: skip
    cookie = served.let_in()
    status, _, page = served.get("/", **cookie)
    assert status == 200
    assert "vae-tui vae-mnist" in page
    assert "//" not in page.replace("ws://", "").replace("// The way", "")  # nothing is fetched from elsewhere
    refused = [
        served.get("/"),
        served.get("/?token=guessed"),
        served.get("/", Cookie=cookie["Cookie"][:-4] + "AAAA"),
        served.get("/", Host="evil.example:80", **cookie),
        served.get("/", Host="127.0.0.1:8765.evil.com", **cookie),
        served.get("/ws", **asked_for_socket),
        served.get("/ws", Origin="http://evil.example", **cookie, **asked_for_socket),
        served.get("/download/x"),
    ]
    assert [status for status, *_ in refused] == [403] * len(refused)
    assert served.apps == []


@pytest.mark.slow
def test_a_browser_shows_the_app_takes_keys_and_leaves_nothing_behind(
    served: Served, tmp_path: Path, wait_until: WaitUntil
) -> None:
    from tests.support import browser

    if browser.CHROMIUM is None:
        pytest.skip("there is no Chromium")

    async def look() -> None:
        async with browser.browser(tmp_path / "browser") as page:
            await page.load("Page.navigate", url=served.address)
            await browser.settled(page, lambda colors: colors > 500)  # curves and digits
            await page.press("q")
            while "-closed" not in await page.evaluate("document.body.className"):
                await asyncio.sleep(0.1)
            await asyncio.to_thread(wait_until, lambda: served.apps == [], what="the end of the app that was left")
            await page.load()
            await browser.settled(page, lambda colors: colors > 500)

    asyncio.run(look())
    wait_until(lambda: served.apps == [], what="the end of the app of a closed page")
    os.kill(served.process.pid, signal.SIGINT)
    assert served.process.wait(10) == 0
