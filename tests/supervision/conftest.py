"""What tests of supervision share: OTP beside us, one Erlang process for all of them."""

from otp.both import both  # noqa: F401  (fixture)
