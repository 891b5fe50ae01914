"""A package index on loopback (PEP 503) that serves one small wheel, and can hold it back in the middle."""

import hashlib
import io
import random
import select
import threading
import zipfile
from dataclasses import dataclass, replace
from typing import Self

from greenroom.providers.local_model import ModelPackage

from held_server import HeldServer, QuietHandler


@dataclass(frozen=True)
class TinyModel:
    """What the index serves, and what a caller pins."""

    content: bytes
    wheel: bytes
    package: ModelPackage

    @classmethod
    def make(cls, size_bytes: int = 3_000_000, seed: int = 7) -> Self:
        """Noise, so that the wheel is as large as its content."""
        content = random.Random(seed).randbytes(size_bytes)
        wheel = wheel_of(content)
        package = ModelPackage(
            title="Tiny", alias="tiny",
            name="greenroom-tiny-model", version="1.0", member="greenroom_tiny_model/tiny.gguf",
            size_bytes=size_bytes, sha256=hashlib.sha256(content).hexdigest(), wheel_size_bytes=len(wheel),
        )  # fmt: skip
        return cls(content, wheel, package)

    def serving(self, wheel: bytes) -> "TinyModel":
        """The same pin with another wheel behind it."""
        return replace(self, wheel=wheel)


class FakeIndex(HeldServer):
    """Serves until left. While `release` is cleared, half of the wheel is sent and the rest waits for it."""

    def __init__(self, model: TinyModel) -> None:
        super().__init__(_Handler)
        self.model = model
        self.wheel_requests = 0
        self.half_sent = threading.Event()
        self.hung_up = threading.Event()
        self.url = f"{self.root}/simple"


class _Handler(QuietHandler):
    owner: FakeIndex

    def do_GET(self) -> None:  # noqa: N802  (its name there)
        package = self.owner.model.package
        wheel_name = f"{package.module}-{package.version}-py3-none-any.whl"
        if self.path == f"/simple/{package.name}/":
            self._answer(f'<!DOCTYPE html><a href="/{wheel_name}">{wheel_name}</a>'.encode(), "text/html")
        elif self.path == f"/{wheel_name}":
            self.owner.wheel_requests += 1
            self._answer(self.owner.model.wheel, "application/octet-stream", may_wait=True)
        else:
            self.send_error(404)

    def _answer(self, body: bytes, kind: str, *, may_wait: bool = False) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        half = len(body) // 2 if may_wait else 0
        try:
            self.wfile.write(body[:half])
            if may_wait:
                self.owner.half_sent.set()
                if not self._may_go_on():
                    return
            self.wfile.write(body[half:])
        except OSError:
            # The client looks at the file it writes: it may leave before the half has been sent.
            self.owner.hung_up.set()

    def _may_go_on(self) -> bool:
        """False when the client has hung up before the rest was released."""
        while not self.owner.release.wait(0.01):
            if select.select([self.connection], [], [], 0)[0]:
                self.owner.hung_up.set()
                return False
        return True


def wheel_of(content: bytes) -> bytes:
    """A wheel that pip takes. Its module raises when imported: nobody has any business to import it."""
    info = "greenroom_tiny_model-1.0.dist-info"
    files = {
        "greenroom_tiny_model/__init__.py": b"raise AssertionError('imported')\n",
        "greenroom_tiny_model/tiny.gguf": content,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: greenroom-tiny-model\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return output.getvalue()
