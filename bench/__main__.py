"""``python -m bench``: the command, where it is not on the path, and for launchers that take a module."""

from bench.cli import main

if __name__ == "__main__":
    main(prog_name="bench")
