"""Generated images made elsewhere, and what they are compared with."""
