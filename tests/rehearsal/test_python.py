"""What the Python of a migration does besides migrating."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command
from django.db import connections

from tests.rehearsal.test_unread import second
from tests.support.orders import execute, refused
from tests.support.rehearsals import rehearse

EXITING = """
import sys

def drop(apps, schema_editor):
    sys.exit(0)
"""
PRINTING = """
def drop(apps, schema_editor):
    print("how nice")
"""
LATE = """
import threading
import time

from django.core.management import call_command
from django.db import connections

def write(alias):
    time.sleep(2)
    with connections[alias].cursor() as cursor:
        cursor.execute("INSERT INTO shop_order (price, code) VALUES (777, 'x')")
    connections[alias].close()

def drop(apps, schema_editor):
    alias = schema_editor.connection.alias
    threading.Thread(target=write, args=[alias]).start()
"""
ENDING = """
def drop(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
"""


def test_an_exit_is_no_success(shop, database):
    second(shop, EXITING)
    found = rehearse(shop, database)
    assert found.code == 1
    assert ("failed", "shop.0002") in found.deploy_problems


def test_what_it_prints_is_no_part_of_the_report(shop, database, capfd):
    second(shop, PRINTING)
    with shop.active():
        call_command("rehearse", database=[database], format="json", verbosity=0)
    out, err = capfd.readouterr()
    assert json.loads(out)["exit_code"] == 0
    assert "how nice" in err


@pytest.mark.databases("sqlite", "postgresql")
def test_a_thread_that_comes_late_finds_a_scratch_database(shop, database):
    second(shop, LATE)
    rehearse(shop, database)
    number = "SELECT count(*) FROM shop_order WHERE price = 777"
    assert execute(database, number) == [(0,)]
    connections[database].close()


@pytest.mark.databases("postgresql")
def test_a_connection_that_the_server_ends_is_no_verdict(shop, database):
    second(shop, ENDING)
    message = refused(shop, "rehearse", database=[database])
    assert "was lost, so there is no verdict" in message


def test_an_output_that_cannot_be_written_is_noticed_first(shop, database, tmp_path):
    for path in ("", str(tmp_path), str(tmp_path / "no" / "file")):
        message = refused(shop, "rehearse", database=[database], output=path)
        assert "--output" in message
