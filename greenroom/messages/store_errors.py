"""Why a retry store cannot be used, at the start or when it is read. `failures.py` draws the tree.

Where the start raises one, the file stands byte for byte as it stood. While streams run, what cannot be written is
told as `store.failed`, with the error's name and words.
"""

from greenroom.messages.invalid import GreenroomError


class RetryStoreError(GreenroomError):
    """The store at `path` cannot be used; `why` says what was found, and what would help."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, why)
        self.path, self.why = path, why

    def __str__(self) -> str:
        return f"retry_store {self.path}: {self.why}"


class StoreLocked(RetryStoreError, RuntimeError):  # noqa: N818
    """Another process has it, or another system of this one. `pid` where it is known."""

    def __init__(self, path: str, why: str, pid: int | None = None) -> None:
        super().__init__(path, why)
        self.args = (path, why, pid)
        self.pid = pid


class StoreForeign(RetryStoreError, ValueError):  # noqa: N818
    """The file is no SQLite database, or it is another application's."""


class StoreTooNew(RetryStoreError, ValueError):  # noqa: N818
    """A newer version of greenroom wrote it."""


class StoreCorrupt(RetryStoreError, ValueError):  # noqa: N818
    """It is greenroom's, and damaged."""


class StoreUnavailable(RetryStoreError, OSError):  # noqa: N818
    """The place cannot be written: no such directory, no permission, no room, no answer in time."""

    def __str__(self) -> str:
        # OSError's own shows its first argument as an errno.
        return f"retry_store {self.path}: {self.why}"
