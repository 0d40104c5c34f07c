"""Leaderboards: the table, its renderers."""
