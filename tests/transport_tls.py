"""Authorities and certificates made for the tests, and an environment that names no others."""

import functools
import ssl
from pathlib import Path

import pytest
import trustme


class Trust:
    """An authority of our own. `bundle` is its PEM file."""

    def __init__(self, folder: Path) -> None:
        self._ca = _authority()
        self.bundle = str(folder / "ca.pem")
        self._ca.cert_pem.write_to_path(self.bundle)

    def server(self, *names: str) -> ssl.SSLContext:
        """A server's context, with a certificate for `names`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["h2", "http/1.1"])
        _certificate(names or ("127.0.0.1", "localhost")).configure_cert(context)
        return context


@functools.cache
def _authority() -> trustme.CA:
    return trustme.CA()


@functools.cache
def _certificate(names: tuple[str, ...]) -> trustme.LeafCert:
    return _authority().issue_cert(*names)


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    """An authority for one test."""
    return Trust(tmp_path)


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, and no authorities but those that a test names."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
