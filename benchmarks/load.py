"""Where the deltas come from: load servers in processes of their own, and what they cost."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("GREENROOM_SHARED", ROOT.parent / "shared"))
_START_TIMEOUT_S = 20.0


class LoadServer:
    """A running load server. `host` is what a base URL begins with."""

    def __init__(self, command: list[str], port: int, *, title: str, scheme: str = "http") -> None:
        self.title = title
        self.host = f"{scheme}://127.0.0.1:{port}"
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        self._wait_for(port)

    def _wait_for(self, port: int) -> None:
        until_s = time.monotonic() + _START_TIMEOUT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError as error:
                if self._process.poll() is not None or time.monotonic() > until_s:
                    self.stop()
                    raise RuntimeError(f"{self.title} did not start: {error}") from None
                time.sleep(0.02)
            else:
                return

    def cpu_s(self) -> float | None:
        """User and system seconds so far; None where the system does not tell."""
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """Its process is gone."""
        self._process.kill()
        self._process.wait()


class Load:
    """The servers of one run, started when first asked for; all are gone when the `with` is left."""

    def __init__(self, *, own_only: bool = False) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="greenroom-benchmarks-"))
        self._own_only = own_only
        self._servers: dict[str, LoadServer] = {}
        self._certificate: tuple[Path, Path] | None = None

    def plain(self) -> LoadServer:
        """The fastest there is: the shared C server where it and a compiler are present, else our own."""
        if "plain" not in self._servers:
            binary = None if self._own_only else self._compiled()
            if binary is None:
                return self.own()
            port = free_port()
            self._servers["plain"] = LoadServer([str(binary), str(port)], port, title="loadserver.c")
        return self._servers["plain"]

    def own(self) -> LoadServer:
        """Our own server: it can stamp, hold, and tell when a client went away."""
        if "own" not in self._servers:
            port = free_port()
            command = [sys.executable, "-m", "benchmarks.load_server", str(port)]
            self._servers["own"] = LoadServer(command, port, title="benchmarks.load_server")
        return self._servers["own"]

    def tls(self) -> tuple[LoadServer, str]:
        """Our own server behind TLS, and the file of the authority that signed it."""
        chain, authority = self._certified()
        if "tls" not in self._servers:
            port = free_port()
            command = [sys.executable, "-m", "benchmarks.load_server", str(port), str(chain)]
            self._servers["tls"] = LoadServer(
                command, port, title="benchmarks.load_server, TLS", scheme="https"
            )
        return self._servers["tls"], str(authority)

    def _compiled(self) -> Path | None:
        source, compiler = SHARED / "loadserver" / "loadserver.c", shutil.which("cc")
        if not source.is_file() or compiler is None:
            return None
        binary = self._folder / "loadserver"
        subprocess.run([compiler, "-O2", "-o", binary, source, "-lpthread"], check=True)
        return binary

    def _certified(self) -> tuple[Path, Path]:
        if self._certificate is None:
            self._certificate = _with_trustme(self._folder) or _with_openssl(self._folder)
        return self._certificate

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for server in self._servers.values():
            server.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _with_trustme(folder: Path) -> tuple[Path, Path] | None:
    try:
        import trustme
    except ImportError:
        return None
    authority, chain, ca_file = trustme.CA(), folder / "chain.pem", folder / "authority.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(chain)
    authority.cert_pem.write_to_path(ca_file)
    return chain, ca_file


def _with_openssl(folder: Path) -> tuple[Path, Path]:
    if shutil.which("openssl") is None:
        raise RuntimeError("a certificate needs the package trustme or the command openssl")
    key, certificate, chain = folder / "key.pem", folder / "certificate.pem", folder / "chain.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    chain.write_bytes(key.read_bytes() + certificate.read_bytes())
    return chain, certificate


__all__ = ["Load", "LoadServer", "free_port"]
