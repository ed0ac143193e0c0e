"""Limits on how long statements wait for locks, and retries."""
