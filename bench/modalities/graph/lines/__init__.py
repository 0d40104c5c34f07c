"""Registry lines of graphs."""
