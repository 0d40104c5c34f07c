"""What the parts of the bench agree on: tasks, systems, suites, protocols, tokens, results and their statistics."""
