"""The differential test of our supervisors against OTP's: the same cases run on both, the traces agree."""
