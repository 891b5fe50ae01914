"""Whom we believe: the TLS context of an endpoint."""

import os
import re
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path

import truststore

_BUNDLE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_BUNDLES = (
    "/etc/ssl/cert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/cert.pem",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/ca-bundle.pem",
)
_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]")


class BundleError(OSError):
    """The CA bundle that was named cannot be used."""


def tls_context(ca_bundle: str | None, environment: Mapping[str, str]) -> ssl.SSLContext:
    """A context for HTTP/1.1 that trusts `ca_bundle`, else the environment's bundle, else the system.

    Blocks for some 20 ms, as it reads every authority. Raises BundleError where it cannot be read.
    """
    bundle = ca_bundle or next(
        (environment[name] for name in _BUNDLE_VARIABLES if environment.get(name)), None
    )
    context = _bundle_context(bundle) if bundle else _system_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def check_bundle(bundle: str) -> None:
    """Raises BundleError where this CA bundle (a PEM file, or a folder of hashed ones) cannot be used."""
    _bundle_context(bundle)


def _bundle_context(bundle: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    path = Path(bundle)
    try:
        context.load_verify_locations(**({"capath": bundle} if path.is_dir() else {"cafile": bundle}))
    except OSError as error:
        raise BundleError(f"the CA bundle {bundle!r} cannot be used: {error.strerror or error}") from error
    return context


def _system_context() -> ssl.SSLContext:
    if sys.platform in {"darwin", "win32"}:
        context: ssl.SSLContext = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return context
    # Where the store is a file, truststore reads it again for every connection: 20 ms of a blocked loop for
    # each handshake (truststore 0.10.5, _openssl.py). So the same store, found the same way, read once.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    paths = ssl.get_default_verify_paths()
    if paths.cafile or (paths.capath and any(_HASHED.fullmatch(name) for name in os.listdir(paths.capath))):
        context.set_default_verify_paths()
    else:
        bundle = next((path for path in _BUNDLES if Path(path).is_file()), None)
        if bundle is not None:
            context.load_verify_locations(cafile=bundle)
    return context
