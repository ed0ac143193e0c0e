class DemoError(Exception):
    """A step did not do what it should, or cannot be taken here."""
