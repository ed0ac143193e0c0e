import collections
import os
import random
import shutil
import traceback

from tests.life_cycles import Life
from tests.test_life_cycles import Walk


def test_walks(databases, database, tmp_path):
    n = int(os.environ.get("WALKS", "100"))
    start = int(os.environ.get("SEED", "0"))
    bad = []
    met = collections.Counter()
    for seed in range(start, start + n):
        rng = random.Random(seed)
        folder = tmp_path / "life"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        walk = Walk(Life(folder, databases, database), None)
        walk.draw = lambda options: rng.choice(list(options))
        try:
            walk.go()
        except BaseException as e:
            if os.environ.get("TAIL"):
                L = walk.life
                for e2 in L.record.entries:
                    print(e2.key, e2.part, e2.release, e2.operations)
                for r in L.record.releases:
                    print(r.migrations, r.serving)
                print("rolled out", L.record.rolled_out)
                from django.db import connections
                from django.db.migrations.recorder import MigrationRecorder

                print(
                    sorted(
                        MigrationRecorder(connections[database]).applied_migrations()
                    )
                )
                print(L.attempt(len(L.versions) - 1, "--post-deploy")[1])
                print(
                    L.attempt(len(L.versions) - 1, "--post-deploy", "--plan", "-v2")[1]
                )
            bad.append(seed)
            if len(bad) <= int(os.environ.get("SHOW", "2")):
                print("SEED", seed, type(e).__name__, str(e)[:6000])
                traceback.print_exc(limit=-4)
        met.update(walk.met)
    print(met)
    print("bad", bad, "of", n)
    assert 0 if os.environ.get("FAIL") else not bad
