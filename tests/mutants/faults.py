"""Small faults: which expressions and statements can be changed, and into what."""

import ast
from collections.abc import Iterator
from typing import Any

OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,  # codespell:ignore
    ast.NotIn: ast.In,  # codespell:ignore
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
FUNCTIONS = {"min": "max", "max": "min", "any": "all", "all": "any"}
SILENT = ("logger.", "super().__init__")
"""calls that are not left out: what is logged for developers alone, and what fails at once"""


def faults(tree: ast.AST) -> Iterator[tuple[ast.AST, str, Any]]:
    """Yield each expression or statement that can be changed, which of its fields, and what that becomes."""
    for node in _run(tree):
        if (fault := _operator(node) or _value(node) or _turned(node)) is not None:
            yield node, *fault


def _operator(node: ast.AST) -> tuple[str, Any] | None:
    match node:
        case ast.Compare(ops=[op]) if type(op) in OPERATORS:
            return "ops", [OPERATORS[type(op)]()]
        case ast.BinOp(op=op) | ast.BoolOp(op=op) if type(op) in OPERATORS:
            return "op", OPERATORS[type(op)]()
    return None


def _value(node: ast.AST) -> tuple[str, Any] | None:
    match node:
        case ast.Constant(value=bool() as value):
            return "value", not value
        case ast.Constant(value=(int() | float()) as value):
            return "value", value + 1
        case ast.Name(id=name) if name in FUNCTIONS:
            return "id", FUNCTIONS[name]
    return None


def _turned(node: ast.AST) -> tuple[str, Any] | None:
    """Turn a condition into its opposite, or leave a statement out."""
    match node:
        case ast.If(test=test) | ast.IfExp(test=test) if isinstance(
            test, ast.Name | ast.Attribute | ast.Call
        ):
            return "test", ast.UnaryOp(ast.Not(), test)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return "operand", ast.UnaryOp(ast.Not(), operand)
        case ast.Expr(value=ast.Call() as call) if not ast.unparse(call).startswith(SILENT):
            return "value", ast.Constant(None)
    return None


def _run(node: ast.AST) -> Iterator[ast.AST]:
    """Walk what is executed: without annotations, decorators and the words of messages."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list") or isinstance(node, ast.JoinedStr):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield child
                yield from _run(child)


def function_of(tree: ast.AST, line: int) -> range | None:
    """Return the lines of the outermost function that has a line; None for one outside of functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.lineno <= line <= (
            node.end_lineno or 0
        ):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            return range(first, (node.end_lineno or 0) + 1)
    return None


def shown(node: ast.AST) -> str:
    """Return a place in one line: of a branch its condition."""
    return ast.unparse(node.test if isinstance(node, ast.If) else node).partition("\n")[0]
