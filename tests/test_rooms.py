"""What may import what, read from the source: imports within functions and for type checking count too.

A target named as text, ``module:Attribute``, is not an import: so the registry reaches what lies above it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
ORDER = (
    {"errors", "exit_codes", "machine"},
    {"registry", "values", "lines", "modalities.base"},
    {"contracts"},
    {"quantizers", "datasets"},
    {"tokenizers"},
    {"backbones"},
    {"metrics", "modalities.signal", "modalities.view"},
    {"measuring"},
    {"learning", "throughput"},
    {"tasks", "MODALITY"},
    {"reported", "paired"},
    {"leaderboard"},
    {"gate", "tracking", "jobs"},
    {"site"},
    {"commands"},
    {"cli"},
    {"__main__"},
)
"""The rooms from the lowest; each may import those below it and its neighbours in its set."""
CONTRACT = ("base", "signal", "view")
"""The modules of ``bench/modalities`` that are no modality's own."""
UPWARD = {
    # A spec of a system builds it, and looks up whether its checkpoint is here.
    ("bench.contracts.system", "tokenizers"),
    ("bench.contracts.system", "backbones"),
    ("bench.contracts.system", "quantizers"),
}
"""The imports against the order; one that is gone must go from here, too."""
LOOSE = 7


def modules() -> dict[str, Path]:
    """The modules of the package by name; ``tasks`` is ``bench.tasks``."""
    found = {}
    for folder, package in ((ROOT / "bench", "bench"), (ROOT / "tasks", "bench.tasks")):
        for file in folder.rglob("*.py"):
            parts = file.relative_to(folder).with_suffix("").parts
            found[".".join((package, *parts)).removesuffix(".__init__")] = file
    return found


MODULES = modules()
FOLDERS = sorted(path.parent.name for path in ROOT.glob("bench/modalities/*/face.py"))
"""The modalities that come with the bench."""


def imported(name: str, tree: ast.AST) -> Iterator[str]:
    """The modules of the bench that a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] == "bench")
        elif isinstance(node, ast.ImportFrom):
            package = name.split(".") if MODULES[name].name == "__init__.py" else name.split(".")[:-1]
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join((*above, *filter(None, [node.module])))
            if base.partition(".")[0] == "bench":
                inner = {alias.name: f"{base}.{alias.name}" for alias in node.names}
                yield from (one if one in MODULES else base for one in inner.values())


def room(module: str) -> str:
    """Where a module is, as ``ORDER`` names it; empty for ``bench`` and ``bench.modalities`` themselves."""
    parts = [*module.split(".")[1:], ""]
    if parts[0] != "modalities" or not parts[1]:
        return parts[0].removesuffix("modalities")
    return f"modalities.{parts[1]}" if parts[1] in CONTRACT else "MODALITY"


def modality(module: str) -> str:
    """The modality whose folder a module is in; empty if in none."""
    parts = [*module.split("."), "", ""]
    return parts[2] if parts[1] == "modalities" and parts[2] not in CONTRACT else ""


TREES = {name: ast.parse(file.read_text(encoding="utf-8")) for name, file in MODULES.items()}
EDGES = sorted({(name, other) for name, tree in TREES.items() for other in imported(name, tree)})


def test_no_module_outside_imports_a_modality() -> None:
    """And none imports another's."""
    assert FOLDERS and {modality(name) for name in MODULES} >= {*FOLDERS}
    assert not [edge for edge in EDGES if modality(edge[1]) not in ("", modality(edge[0]))]


def test_each_room_imports_those_below_it() -> None:
    height = {name: number for number, rooms in enumerate(ORDER) for name in rooms}
    unknown = {room(name) for name in MODULES} - height.keys() - {""}
    assert not unknown, "a new room needs its place in ORDER"
    upward = {
        (name, room(other))
        for name, other in EDGES
        if room(name) and room(other) and height[room(name)] < height[room(other)]
    }
    assert upward == UPWARD


def test_no_choice_hangs_on_the_name_of_a_modality() -> None:
    """Outside its folder: what differs from one to the other is said by its face."""
    compared = [
        f"{name}, line {node.lineno}: {constant.value!r}"
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare | ast.MatchValue)
        for constant in ast.walk(node)
        if isinstance(constant, ast.Constant) and constant.value in {*FOLDERS, "video"} - {modality(name)}
    ]
    assert not compared


def test_few_modules_are_in_no_room() -> None:
    assert len(list((ROOT / "bench").glob("*.py"))) <= LOOSE
