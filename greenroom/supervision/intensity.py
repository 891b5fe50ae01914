"""Restart intensity, pure: at most so many restarts in any period (OTP's supervisor principle).

Source: https://www.erlang.org/doc/system/sup_princ.html#maximum-restart-intensity
"""


def add_restart(
    restarts: tuple[float, ...], now_s: float, intensity: int, period_s: float
) -> tuple[tuple[float, ...], bool]:
    """The restarts still inside the period with this one added, and whether that is allowed."""
    kept = (*(at for at in restarts if now_s - at <= period_s), now_s)
    return kept, len(kept) <= intensity
