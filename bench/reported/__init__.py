"""Numbers that papers report, one file per subject; shown beside measured ones, never ranked with them."""
