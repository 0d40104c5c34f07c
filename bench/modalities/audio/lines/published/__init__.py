"""Registry lines of published audio tokenizers: a module per family, found by being here."""
