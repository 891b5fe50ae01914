"""How long to wait before the next attempt. Pure: the random number is an argument."""

from greenroom.messages.options import StreamingOptions


def backoff_s(retry: int, options: StreamingOptions, random: float) -> float:
    """Seconds before retry number `retry` (from 1): exponential, capped, with its jitter share taken off.

    `random` is in [0, 1). Jitter only shortens, so the cap holds.
    Source: https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
    """
    try:
        grown_s = options.backoff_initial_s * options.backoff_factor ** (retry - 1)
    except OverflowError:
        grown_s = options.backoff_max_s
    return min(options.backoff_max_s, grown_s) * (1.0 - options.backoff_jitter * random)
