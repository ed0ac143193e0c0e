"""What the statements of migrations do to live traffic, measured on PostgreSQL."""
