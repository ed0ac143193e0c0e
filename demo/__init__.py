"""A demo: an example project goes through a whole staged deployment."""
