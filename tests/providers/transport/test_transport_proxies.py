"""Proxies: which one is chosen, the way through it, and how it refuses."""

import base64

import pytest

from greenroom.providers.transport.origin import Origin, origin_of
from greenroom.providers.transport.proxies import proxy_for


def chosen(url: str, configured: str | None = None) -> str | None:
    proxy = proxy_for(origin_of(url), configured)
    return proxy.origin.name if proxy else None


def test_the_environment_names_a_proxy_for_each_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://secure.test:3128")
    monkeypatch.setenv("http_proxy", "plain.test:3129")
    assert chosen("https://api.test") == "secure.test:3128"
    assert chosen("http://api.test") == "plain.test:3129"


def test_a_proxy_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://all.test:1")
    assert chosen("https://api.test") == "all.test:1"


def test_the_configured_proxy_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://env.test:3128")
    monkeypatch.setenv("NO_PROXY", "*")
    assert chosen("https://api.test", "http://mine.test:8080") == "mine.test:8080"
    assert chosen("https://127.0.0.1", "http://mine.test:8080") == "mine.test:8080"


@pytest.mark.parametrize(
    ("exempt", "url", "direct"),
    [
        ("api.test", "https://api.test", True),
        ("test", "https://api.test", True),
        (".test", "https://api.test", True),
        ("api.test:443", "https://api.test", True),
        ("api.test:444", "https://api.test", False),
        ("other.test", "https://api.test", False),
        ("pi.test", "https://api.test", False),
        ("*", "https://api.test", True),
        ("10.0.0.0/8, 192.168.0.1", "https://10.1.2.3", True),
        ("10.0.0.0/8, 192.168.0.1", "https://192.168.0.1", True),
        ("10.0.0.0/8", "https://11.1.2.3", False),
        ("fd00::/8", "https://[fd00::1]", True),
    ],
)
def test_no_proxy(exempt: str, url: str, direct: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://env.test:3128")
    monkeypatch.setenv("NO_PROXY", exempt)
    assert (chosen(url) is None) == direct


@pytest.mark.parametrize("url", ["http://127.0.0.1:1234", "http://localhost:1234", "http://[::1]"])
def test_this_machine_is_reached_without_the_environments_proxy(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://env.test:3128")
    assert chosen(url) is None


def test_a_proxys_password_is_sent_and_never_shown() -> None:
    proxy = proxy_for(Origin("api.test", 443, tls=True), "http://us%40er:p%3Ass@proxy.test:3128")
    assert proxy is not None
    assert proxy.headers == (("Proxy-Authorization", "Basic " + base64.b64encode(b"us@er:p:ss").decode()),)
    assert "Basic" not in repr(proxy)


def test_another_kind_of_proxy_is_refused_without_its_password() -> None:
    with pytest.raises(ValueError, match=r"socks5://proxy\.test") as caught:
        proxy_for(Origin("api.test", 443, tls=True), "socks5://user:secret@proxy.test:1080")
    assert "secret" not in str(caught.value)
