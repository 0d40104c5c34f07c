"""A package of plug-ins."""
