"""What a rehearsal has no scratch database for: nobody may use it."""
