"""Configuration from code, environment and TOML file: the library's one place that reads the environment."""

from greenroom.config.environment import configuring_variables
from greenroom.config.keys import missing_key
from greenroom.config.known import meant_provider
from greenroom.config.load import LoadedConfig, load_config, read_config

__all__ = [
    "LoadedConfig",
    "configuring_variables",
    "load_config",
    "meant_provider",
    "missing_key",
    "read_config",
]
