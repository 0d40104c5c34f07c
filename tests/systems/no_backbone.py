"""A class that generates, and is no backbone."""


class Generates:
    def generate(self) -> None:
        """Nothing."""
