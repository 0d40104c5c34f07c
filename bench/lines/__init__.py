"""The built-in registry lines, one module per kind; importing them imports no implementation."""
