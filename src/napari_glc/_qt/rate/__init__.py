"""Rate exploration."""
