"""Every promise has a test, and every promise listed is still made."""

import ast
import os

import pytest
from requirements import PROMISES, Promise

TESTS = os.path.dirname(os.path.abspath(__file__))


def read(*parts: str) -> str:
    with open(os.path.join(TESTS, *parts), encoding="utf-8") as file:
        return file.read()


@pytest.mark.parametrize("promise", PROMISES, ids=[promise.id for promise in PROMISES])
def test_a_promise_stands_in_the_readme_and_has_its_tests(promise: Promise) -> None:
    assert " ".join(promise.says.split()) in " ".join(read("..", "README.md").split())
    assert promise.tests
    for test in promise.tests:
        path, name = test.split("::")
        functions = ast.walk(ast.parse(read(path)))
        assert name in {item.name for item in functions if isinstance(item, ast.FunctionDef)}, test


def test_no_two_promises_share_an_id() -> None:
    assert len({promise.id for promise in PROMISES}) == len(PROMISES)
