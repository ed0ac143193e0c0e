"""What staged migrations cost, measured against Django alone."""
