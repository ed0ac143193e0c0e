"""Scratch databases, in place of the real ones for the time of a rehearsal."""
