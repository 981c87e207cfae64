"""The calculator: finds a sum in a prompt and works it out, with nothing but numbers and the usual signs."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable

_WORDS = (
    (r"\bplus\b|\badded to\b", "+"),
    (r"\bminus\b|\bless\b", "-"),
    (
        r"\b(?:times|multiplied by)\b|[×·]|"
        r"(?<=\d)\s*x\s*(?=\d)",
        "*",
    ),
    (r"\b(?:divided by|over)\b|[÷]", "/"),
    (r"\bto the power of\b|\^", "**"),
    (r"\bsquared\b", "**2"),
    (r"\bcubed\b", "**3"),
    (r"\bmodulo\b|\bmod\b", "%"),
    (r"(\d+(?:\.\d+)?)\s*(?:%|percent) of\b", r"(\1/100)*"),
    (r"(?<=\d),(?=\d{3}\b)", ""),
    (r"−|–", "-"),
)
_BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
}
_SUM = re.compile(r"[-+]?\(*\s*[-+]?\d[\d.]*\s*(?:\)*\s*(?:\*\*|//|[-+*/%])\s*\(*\s*[-+]?\d[\d.]*\s*\)*\s*)+")
_ROOT = re.compile(r"\bsquare root of\s+(\d+(?:\.\d+)?)", re.I)


def sum_in(text: str) -> tuple[str, str] | None:
    """Return a sum as it was found and its result in digits; None when ``text`` holds no sum."""
    plain = text[-500:]
    root = _ROOT.search(plain)
    if root and len(root[1]) < 16:
        return f"the square root of {root[1]}", shown(float(root[1]) ** 0.5)
    for pattern, sign in _WORDS:
        plain = re.sub(pattern, sign, plain, flags=re.I)
    found = _SUM.search(plain)
    if not found or re.fullmatch(r"\s*\d{4}-\d{1,2}(-\d{1,2})?\s*", found[0]):
        return None
    expression = found[0].strip()
    written = re.sub(r"\((\d+(?:\.\d+)?)/100\)\*\s*", r"\1% of ", expression)
    try:
        return written, shown(_value(ast.parse(expression, mode="eval").body))
    except ZeroDivisionError:
        return written, "undefined, because nothing can be divided by zero"
    except (ValueError, SyntaxError, OverflowError, TypeError, MemoryError, RecursionError):
        return None


def _value(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and abs(node.value) < 1e15:
        return node.value
    if isinstance(node, ast.UnaryOp):
        return -_value(node.operand) if isinstance(node.op, ast.USub) else _value(node.operand)
    if isinstance(node, ast.BinOp):
        left, right = _value(node.left), _value(node.right)
        if isinstance(node.op, ast.Pow) and (abs(right) > 64 or abs(left) > 1e6):
            raise ValueError("the numbers are too large")
        result = _BINARY[type(node.op)](left, right)
        if abs(result) > 1e100:
            raise ValueError("the numbers are too large")
        return result
    raise ValueError("not a sum")


def shown(value: float) -> str:
    """Return a number as people write it: whole where it is whole."""
    if isinstance(value, complex):
        raise ValueError("not a real number")
    if isinstance(value, int) or (value == int(value) and abs(value) < 1e15):
        return str(int(value))
    return f"{value:.10g}"
