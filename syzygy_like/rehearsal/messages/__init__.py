"""All prose. Errors carry data, which is turned into words here."""
