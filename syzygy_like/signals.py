"""Signals that this package sends, beside Django's own."""

from __future__ import annotations

from django.dispatch import Signal

# Sent before a migration that could not have a lock is tried again, by the class of the
# connection. Arguments: using, migration, attempt, retries, delay, error, blockers.
migration_retried = Signal()
