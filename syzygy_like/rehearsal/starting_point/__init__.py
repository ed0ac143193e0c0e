"""Where a rehearsal begins: the migrations that are applied then."""
