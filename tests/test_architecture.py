"""The laws of the house that no linter states: what core may call, how long a module is."""

import ast
import os
import re
from collections.abc import Iterator

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PACKAGE = os.path.join(ROOT, "mcp_proxy")
LONGEST = 300
# A longer module says why, in its docstring, with these words.
REASON = "longer than 300 lines because"
VAGUE = {"utils", "helpers", "common", "manager", "models", "misc", "base"}
# The rules that this version keeps; each has a test whose name bears its number, as test_s11_...
RULES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25)


def python_files(folder: str) -> Iterator[str]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__"]
        yield from (os.path.join(place, name) for name in names if name.endswith(".py"))


def read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def modules(folder: str = PACKAGE) -> list[str]:
    return sorted(os.path.relpath(path, ROOT) for path in python_files(folder))


def tree_of(module: str) -> ast.Module:
    return ast.parse(read(os.path.join(ROOT, module)))


@pytest.mark.parametrize("module", modules(os.path.join(PACKAGE, "core")))
def test_core_opens_prints_and_executes_nothing(module: str) -> None:
    banned = {"open", "print", "input", "exec", "eval", "compile", "__import__", "breakpoint"}
    calls = [node.func for node in ast.walk(tree_of(module)) if isinstance(node, ast.Call)]
    assert [name.id for name in calls if isinstance(name, ast.Name) and name.id in banned] == []


@pytest.mark.parametrize("module", modules(os.path.join(PACKAGE, "core")))
def test_core_reads_no_clock(module: str) -> None:
    pure = {"gmtime", "strftime"}
    used = [
        node.attr
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("time", "datetime", "date")
    ]
    assert set(used) <= pure | {"fromisoformat", "UTC", "timezone", "fromtimestamp"}


@pytest.mark.parametrize("module", modules())
def test_a_module_is_short_or_says_why_not(module: str) -> None:
    text = read(os.path.join(ROOT, module))
    docstring = " ".join((ast.get_docstring(ast.parse(text)) or "").split())
    assert text.count("\n") <= LONGEST or REASON in docstring


@pytest.mark.parametrize("module", modules())
def test_a_module_is_named_after_a_noun_and_documented(module: str) -> None:
    name = os.path.splitext(os.path.basename(module))[0]
    assert name not in VAGUE
    assert name == "__init__" or ast.get_docstring(tree_of(module))


@pytest.mark.parametrize("module", [name for name in modules() if "__main__" not in name])
def test_imports_stand_at_the_top(module: str) -> None:
    tree = tree_of(module)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    functions += [node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)]
    inside = [item for function in functions for item in ast.walk(function)]
    late = [item for item in inside if isinstance(item, ast.Import | ast.ImportFrom)]
    # A module that exists on one system alone cannot stand at the top.
    assert [item.lineno for item in late if item.names[0].name not in ("msvcrt", "winreg")] == []
    assert "TYPE_CHECKING" not in read(os.path.join(ROOT, module))


@pytest.mark.parametrize("module", modules())
def test_no_function_is_longer_than_forty_lines(module: str) -> None:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    functions = [node for node in ast.walk(tree_of(module)) if isinstance(node, kinds)]
    assert [
        item.name for item in functions if (item.end_lineno or 0) - item.body[0].lineno > 40
    ] == []


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_of_security_has_a_test_that_bears_its_number(rule: int) -> None:
    named = re.compile(rf"def test_(\w+_)?s{rule}_\w")
    tests = list(python_files(os.path.join(ROOT, "tests")))
    assert any(named.search(read(path)) for path in tests)


def test_the_top_level_holds_no_other_folder() -> None:
    kept = {"mcp_proxy", "profiles", "scripts", "tests"}
    made = {"build", "dist"}
    folders = {name for name in os.listdir(ROOT) if os.path.isdir(os.path.join(ROOT, name))}
    assert {name for name in folders if not name.startswith(".")} - made <= kept
