"""Where the page is served: which addresses are this machine's own, and a socket that is bound before all else."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Iterator
from urllib.parse import quote

from .._utils.errors import InputError
from .options import PORT, AppOptions

TRIED = 100
"""Ports that are tried, one after another, where none is asked for; then any."""


def is_own(host: str) -> bool:
    """Whether only this machine reaches a host.

    Raises:
        InputError: if there is no such host.
    """
    return all(_is_loopback(address) for _, address in resolve(host))


def resolve(host: str) -> list[tuple[socket.AddressFamily, str]]:
    """The addresses of a host, IPv4 first, each with its family.

    Raises:
        InputError: if there is none.
    """
    name = host.removeprefix("[").removesuffix("]")
    try:
        if not name:
            raise OSError
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, ValueError):
        raise InputError(f"there is no host {host!r}: give an address of this machine, such as 127.0.0.1") from None
    known = [(family, str(address[0])) for family, _, _, _, address in found]
    return sorted(dict.fromkeys(known), key=lambda each: each[0] != socket.AF_INET)


def bind(options: AppOptions) -> socket.socket:
    """A socket that listens where the options say.

    Raises:
        InputError: if it cannot: the port is taken, is not for this user, or the address is not this machine's.
    """
    family, address = resolve(options.host)[0]
    for port in _ports(options):
        try:
            dual = family == socket.AF_INET6 and ipaddress.ip_address(address.partition("%")[0]).is_unspecified
            return socket.create_server(
                (address, port), family=family, backlog=128, dualstack_ipv6=dual and socket.has_dualstack_ipv6()
            )
        except OSError as error:
            if error.errno == errno.EADDRINUSE and options.port is None:
                continue
            raise InputError(_why_not(options.host, port, error)) from None
    raise InputError("no port is free: give one that is by --port")


def addresses(bound: socket.socket, token: str | None) -> list[str]:
    """What to open: first on this machine; then, where others are let in, on theirs."""
    host, port = bound.getsockname()[:2]
    ip = ipaddress.ip_address(host.partition("%")[0])
    hosts = [host]
    if ip.is_unspecified:
        hosts = ["127.0.0.1" if ip.version == 4 else "::1", *_outward(bound.family)]
    end = f"/?token={quote(token, safe='')}" if token else "/"
    # In an address, the % before a zone is itself written as %25 (RFC 6874).
    shown = [f"[{name.replace('%', '%25')}]" if ":" in name else name for name in hosts]
    return [f"http://{name}:{port}{end}" for name in shown]


def _ports(options: AppOptions) -> Iterator[int]:
    if options.port is not None:
        yield options.port
    else:
        yield from range(PORT, PORT + TRIED)
        yield 0


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def _outward(family: int) -> list[str]:
    """This machine's address as others see it; empty, if it has none."""
    far = "192.0.2.1" if family == socket.AF_INET else "2001:db8::1"  # for documentation: nobody's
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((far, 9))  # which sends nothing
            name = str(probe.getsockname()[0])
        except OSError:
            return []
    return [] if _is_loopback(name) else [name]


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken: give another by --port, or leave it out to have the next that is free"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} is not for this user: give one above 1023 by --port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine: give one by --host, such as 127.0.0.1"
    return f"cannot serve at {host}, port {port}: {error.strerror or error}"
