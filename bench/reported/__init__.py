"""Numbers that papers report, a file a subject; shown beside measured ones, never ranked with them."""
