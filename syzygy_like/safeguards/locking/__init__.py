"""The database's own lock by which one migrate runs at a time."""
