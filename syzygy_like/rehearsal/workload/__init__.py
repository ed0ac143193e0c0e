"""What a version of the models does with a database, and what of it fails."""
