"""Bytes to values and values to bytes, with no socket and no file in sight."""
