"""``makemigrations --split``: a migration that fits no stage, written as several."""
