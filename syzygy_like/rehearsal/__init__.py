"""A rehearsal of a deployment, on a scratch database."""
