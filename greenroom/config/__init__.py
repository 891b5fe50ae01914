"""Configuration from code, environment and TOML file: the library's one place that reads the environment."""

from greenroom.config.keys import missing_key
from greenroom.config.known import usual_variables
from greenroom.config.load import LoadedConfig, load_config, read_config

__all__ = ["LoadedConfig", "load_config", "missing_key", "read_config", "usual_variables"]
