"""A small set of programs that are known to be right; nothing else is written as code."""

from __future__ import annotations

import re

#: What an instruction says, and the program for it.
_PROGRAMS = {
    r"fibonacci": '''
def fibonacci(count: int) -> list[int]:
    """Return the first Fibonacci numbers."""
    numbers = [0, 1]
    while len(numbers) < count:
        numbers.append(numbers[-1] + numbers[-2])
    return numbers[:count]


print(fibonacci(10))
''',
    r"is_prime|\bprimes?\b": '''
def is_prime(number: int) -> bool:
    """Return whether number is a prime."""
    if number < 2:
        return False
    return all(number % divisor for divisor in range(2, int(number**0.5) + 1))


print(is_prime(97))
''',
    r"\bsort|quicksort|mergesort": '''
def merge_sort(items: list[int]) -> list[int]:
    """Return items in ascending order."""
    if len(items) < 2:
        return items
    middle = len(items) // 2
    left, right = merge_sort(items[:middle]), merge_sort(items[middle:])
    merged = []
    while left and right:
        merged.append(left.pop(0) if left[0] <= right[0] else right.pop(0))
    return merged + left + right


print(merge_sort([5, 2, 9, 1]))
''',
}
_HELLO = {
    "python": 'print("Hello, world!")',
    "javascript": 'console.log("Hello, world!");',
    "bash": 'echo "Hello, world!"',
    "go": 'package main\n\nimport "fmt"\n\nfunc main() {\n\tfmt.Println("Hello, world!")\n}',
    "rust": 'fn main() {\n    println!("Hello, world!");\n}',
    "c": '#include <stdio.h>\n\nint main(void) {\n    puts("Hello, world!");\n    return 0;\n}',
}
_SAME = {"shell": "bash", "golang": "go", "js": "javascript"}
_LANGUAGE = re.compile(
    r"\b(python|javascript|js|typescript|java|rust|go|golang|ruby|bash|shell|php|kotlin|swift|sql|html|css|c\+\+|c#|c)(?!\w)",
    re.I,
)
_ASKS = re.compile(r"\b(?:write|create|implement|generate|give|show|make|code|need|provide)\b", re.I)
_NOTE = "This is one of the few programs that the offline engine has. It was not run for you, so please test it."


def program(instruction: str) -> str:
    """Return a fenced block of code that does what is asked; empty if there is no such program."""
    if not _ASKS.search(instruction):
        return ""
    found = _LANGUAGE.search(instruction)
    language = found[1].lower() if found else "python"
    language = _SAME.get(language, language)
    if re.search(r"\bhello,? world\b", instruction, re.I) and language in _HELLO:
        return f"```{language}\n{_HELLO[language]}\n```"
    for pattern, code in _PROGRAMS.items() if language == "python" else ():
        if re.search(pattern, instruction, re.I):
            return f"```python\n{code.strip()}\n```\n\n{_NOTE}"
    return ""
