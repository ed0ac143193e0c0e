"""The PgBouncer of the tests."""

import pytest
from django.db import connections
from django.db.utils import ConnectionDoesNotExist

from tests.support.orders import execute
from tests.support.pgbouncer import pooled


def backend(alias):
    """Return who answers, and who the driver was told that it would be."""
    [(pid,)] = execute(alias, "SELECT pg_backend_pid()")
    return pid, connections[alias].connection.info.backend_pid


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_there_is_a_proxy_before_the_same_database(database, mode):
    name = "SELECT current_database()"
    with pooled(database, mode) as alias:
        assert execute(alias, name) == execute(database, name)
        real, told = backend(alias)
        assert real != told
    with pytest.raises(ConnectionDoesNotExist):
        connections[alias]
    real, told = backend(database)
    assert real == told
