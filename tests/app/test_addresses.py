from __future__ import annotations

import socket

import pytest

from adain import InputError
from adain.app import AppOptions
from adain.app import addresses as module
from adain.app.addresses import addresses, bind, is_own


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("localhost", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.1", False),
        ("fe80::1%1", False),
    ],
)
def test_own(host: str, expected: bool) -> None:
    assert is_own(host) is expected


@pytest.mark.parametrize("host", ["", "[]", "no such host", "a" * 70, "x..y", "1.2.3.4.5", "\x00"])
def test_hosts_that_there_are_not(host: str) -> None:
    with pytest.raises(InputError, match="there is no host") as caught:
        is_own(host)
    assert "\n" not in str(caught.value)


def test_any_port() -> None:
    with bind(AppOptions(port=0)) as bound:
        host, port = bound.getsockname()
        assert host == "127.0.0.1"
        assert addresses(bound, None) == [f"http://127.0.0.1:{port}/"]
        assert addresses(bound, "a+b/c&d=") == [f"http://127.0.0.1:{port}/?token=a%2Bb%2Fc%26d%3D"]


def test_a_port_that_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port} is taken"):
            bind(AppOptions(port=port))
        monkeypatch.setattr(module, "PORT", port)
        monkeypatch.setattr(module, "TRIED", 1)
        with bind(AppOptions()) as bound:  # none was asked for
            assert bound.getsockname()[1] != port


def test_an_address_of_another_machine() -> None:
    with pytest.raises(InputError, match=r"192\.0\.2\.1 is no address of this machine"):
        bind(AppOptions(host="192.0.2.1", port=0))


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_ipv6() -> None:
    for host in ("::1", "[::1]"):
        with bind(AppOptions(host=host, port=0)) as bound:
            assert addresses(bound, None) == [f"http://[::1]:{bound.getsockname()[1]}/"]


def test_everywhere_begins_with_this_machine() -> None:
    with bind(AppOptions(host="0.0.0.0", port=0, token="long enough".replace(" ", "-"))) as bound:
        port = bound.getsockname()[1]
        first, *others = addresses(bound, "t")
        assert first == f"http://127.0.0.1:{port}/?token=t"
        assert all(other.endswith(f":{port}/?token=t") and "0.0.0.0" not in other for other in others)
