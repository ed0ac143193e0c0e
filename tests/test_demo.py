"""The demo of the README, as users run it."""

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


def run_demo(*arguments):
    """Return what the demo printed and the failures of each process."""
    done = subprocess.run(
        [sys.executable, "-m", "demo", *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    summary = done.stdout.partition("\nSummary\n")[2]
    rows = [line.split() for line in summary.splitlines()]
    counts = {row[0]: row[1:] for row in rows if row and row[0] in {"v1", "v2"}}
    assert all(int(operations) > 0 for operations, *_ in counts.values())
    return done.stdout, {name: int(row[2]) for name, row in counts.items()}


def test_staged_deployment_fails_no_query():
    output, failures = run_demo()
    assert "0002_product_stock_expand.py  (pre-deploy)" in output
    assert "0003_product_stock_contract.py  (post-deploy)" in output
    assert failures == {"v1": 0, "v2": 0}


def test_contrast_breaks_the_old_code_only():
    _, failures = run_demo("--contrast")
    assert failures["v1"] > 0
    assert failures["v2"] == 0
