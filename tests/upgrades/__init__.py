"""
Real upgrades: a package's migrations from one release to another, rehearsed.

``python -m tests.upgrades`` makes an environment for each upgrade and runs ``manage.py
rehearse`` in it, on PostgreSQL; ``nox -s upgrades`` does the same.
"""
