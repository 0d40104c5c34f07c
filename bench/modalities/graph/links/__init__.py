"""Link prediction: what a small model that sees tokens of nodes alone knows of the graph."""
