"""From a plan to results: the streaming loop, what it checks, and the process of each cell."""
