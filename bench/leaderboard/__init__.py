"""Leaderboards: the table and its renderers."""
