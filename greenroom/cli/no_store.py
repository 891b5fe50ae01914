"""A command leaves the configured retry store alone: that is a service's, which may be running beside it.

Else the file would be locked, or the command would take up what the service's next start is to go on with.
"""

from greenroom.messages.config import RetryStoreConfig, SystemConfig
from greenroom.messages.options import StreamingOptions


def without_store(config: SystemConfig) -> SystemConfig:
    """The same with the store in memory, and no options that need a file."""
    if config.retry_store.path is None:
        return config
    providers = {
        name: each if each.options is None else each.replace(options=_in_memory(each.options))
        for name, each in config.providers.items()
    }
    routes = {
        name: each if each.options is None else each.replace(options=_in_memory(each.options))
        for name, each in config.routes.items()
    }
    return config.replace(
        retry_store=RetryStoreConfig(), options=_in_memory(config.options), providers=providers, routes=routes
    )


def _in_memory(options: StreamingOptions) -> StreamingOptions:
    return options if options.durability is None else options.replace(durability=None)
