"""Registry lines of published image tokenizers: a module per family, found by being here."""
