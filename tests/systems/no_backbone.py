"""A class that has ``generate`` but is not a Backbone."""


class Generates:
    def generate(self) -> None:
        """Do nothing."""
