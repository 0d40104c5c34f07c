"""What the bench meets on a machine and does not vouch for: files, documents and texts that others wrote."""
