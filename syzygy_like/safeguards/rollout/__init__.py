"""Waiting until no other code than this is connected to a database."""
