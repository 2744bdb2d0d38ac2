"""Where a server of pages may listen, and how it is reached from elsewhere."""

from __future__ import annotations

import getpass
import socket
from ipaddress import ip_address

from core.errors import RunError

HOST = "127.0.0.1"


def check_port(host: str, port: int) -> None:
    """Raise RunError where nobody can listen: said before the address is, which the server prints first."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        socket.create_server(address[:2], family=family).close()
    except OSError as error:
        raise RunError(f"cannot listen on {host}, port {port} ({error.strerror}); take another --port") from error


def is_own(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def tunnel(port: int, host: str = HOST) -> str:
    """What to type on another machine to reach the server, which listens on an address of this one, from there."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a number without a name
        user = "USER"
    there = in_address(host)
    # From the same address there: the one that is printed is opened as it stands.
    begin = "" if host == HOST else f"{there}:"
    return f"ssh -L {begin}{port}:{there}:{port} {user}@{socket.gethostname()}"


def in_address(host: str) -> str:
    """As it stands before the port: brackets tell an address of IPv6 from it."""
    return f"[{host}]" if ":" in host else host


def from_elsewhere(port: int) -> str:
    """Why other machines do not reach the server, and how they do."""
    return (
        "whoever reached it could train, delete and read files as you. To see it from another machine, leave out "
        f"--host, type there: {tunnel(port)} and open the printed address there"
    )
