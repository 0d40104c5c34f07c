"""What a class takes, read from its source, since importing it would take the seconds that torch needs."""

from __future__ import annotations

import ast
import importlib.util
import inspect
from functools import cache
from pathlib import Path

from bench.errors import BenchError
from bench.registry import is_file_target


def signature_of(target: str) -> inspect.Signature | None:
    """The parameters of the constructor that ``module:Class`` or ``file.py:Class`` defines.

    None where the source does not show them: a function, an inherited constructor, a decorated class, no source.

    Raises:
        BenchError: the file does not exist or is not Python.
    """
    tree, name = _source(target), target.rpartition(":")[2]
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name] if tree else []
    if len(classes) != 1 or classes[0].decorator_list or classes[0].keywords:
        return None
    inits = [node for node in classes[0].body if isinstance(node, ast.FunctionDef) and node.name == "__init__"]
    if len(inits) != 1 or inits[0].decorator_list:
        return None
    return _signature(inits[0].args)


def check_file(target: str) -> None:
    """Check the file that ``file.py:Class`` names.

    Raises:
        BenchError: it does not exist, is not Python or never mentions the class.
    """
    tree, (file, _, name) = _source(target), target.rpartition(":")
    if tree is None or name in _names(tree):
        return
    raise BenchError(f"{file} has no {name!r}")


@cache
def _source(target: str) -> ast.Module | None:
    module = target.rpartition(":")[0]
    if is_file_target(target):
        path = Path(module)
        if not path.is_file():
            raise BenchError(f"no such file: {path}")
    else:
        spec = importlib.util.find_spec(module) if module.startswith("bench.") else None
        if spec is None or not spec.origin:
            return None
        path = Path(spec.origin)
    try:
        return ast.parse(path.read_bytes())
    except SyntaxError as error:
        raise BenchError(f"{target}: line {error.lineno}: {error.msg}") from error
    except (OSError, ValueError, RecursionError, MemoryError):
        return None  # importing it will show what is wrong


def _names(tree: ast.Module) -> set[str]:
    """All names that could be attributes of the module: everything the source mentions, so as not to be too strict."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name)
        elif isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names.add(node.value)
    return names


def _signature(arguments: ast.arguments) -> inspect.Signature:
    kind = inspect.Parameter
    positional = [*arguments.posonlyargs, *arguments.args]
    required = len(positional) - len(arguments.defaults)
    stated = [
        kind(
            argument.arg,
            kind.POSITIONAL_ONLY if number < len(arguments.posonlyargs) else kind.POSITIONAL_OR_KEYWORD,
            default=kind.empty if number < required else None,
        )
        for number, argument in enumerate(positional)
    ][1:]
    if arguments.vararg:
        stated.append(kind(arguments.vararg.arg, kind.VAR_POSITIONAL))
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        stated.append(kind(argument.arg, kind.KEYWORD_ONLY, default=kind.empty if default is None else None))
    if arguments.kwarg:
        stated.append(kind(arguments.kwarg.arg, kind.VAR_KEYWORD))
    return inspect.Signature(stated)
