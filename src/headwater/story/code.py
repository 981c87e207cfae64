"""The programmer: a small program for what the prompt asks, in a fenced block."""

from __future__ import annotations

import re

from headwater.story.topics import keywords

_LANGUAGES = "python|javascript|typescript|java|rust|go|golang|ruby|bash|shell|sql|html|css|c\\+\\+|c#|kotlin|swift|php"
#: What a program is for, its name, its parameters, and its body as Python.
_PROGRAMS = (
    (
        r"fibonacci",
        "fibonacci(count: int) -> list[int]",
        "Return the first Fibonacci numbers.",
        "numbers = [0, 1]\nwhile len(numbers) < count:\n    numbers.append(numbers[-1] + numbers[-2])\nreturn "
        "numbers[:count]",
        "fibonacci(10)",
    ),
    (
        r"factorial",
        "factorial(number: int) -> int",
        "Return the product of all whole numbers up to number.",
        "result = 1\nfor factor in range(2, number + 1):\n    result *= factor\nreturn result",
        "factorial(5)",
    ),
    (
        r"\bprimes?\b",
        "is_prime(number: int) -> bool",
        "Tell whether number has no divisors but one and itself.",
        "if number < 2:\n    return False\nreturn all(number % divisor for divisor in range(2, int(number**0.5) + 1))",
        "is_prime(97)",
    ),
    (
        r"palindrome",
        "is_palindrome(text: str) -> bool",
        "Tell whether text reads the same in both directions.",
        "letters = [letter.lower() for letter in text if letter.isalnum()]\nreturn letters == letters[::-1]",
        "is_palindrome('Never odd or even')",
    ),
    (
        r"fizz ?buzz",
        "fizzbuzz(count: int) -> list[str]",
        "Return the lines of the FizzBuzz game.",
        "lines = []\nfor number in range(1, count + 1):\n    word = 'Fizz' * (number % 3 == 0) + 'Buzz' * (number "
        "% 5 == 0)\n"
        "    lines.append(word or str(number))\nreturn lines",
        "fizzbuzz(15)",
    ),
    (
        r"revers",
        "reverse(text: str) -> str",
        "Return text from back to front.",
        "return text[::-1]",
        "reverse('stream')",
    ),
    (
        r"binary search",
        "binary_search(items: list[int], wanted: int) -> int",
        "Return the place of wanted in sorted items, or -1.",
        "low, high = 0, len(items) - 1\nwhile low <= high:\n    middle = (low + high) // 2\n    if items[middle] "
        "== wanted:\n        return middle\n"
        "    if items[middle] < wanted:\n        low = middle + 1\n    else:\n        high = middle - 1\nreturn -1",
        "binary_search([1, 3, 5, 7], 5)",
    ),
    (
        r"\bsort",
        "merge_sort(items: list[int]) -> list[int]",
        "Return items in ascending order.",
        "if len(items) < 2:\n    return items\nmiddle = len(items) // 2\nleft, right = "
        "merge_sort(items[:middle]), merge_sort(items[middle:])\n"
        "merged = []\nwhile left and right:\n    merged.append(left.pop(0) if left[0] <= right[0] else "
        "right.pop(0))\nreturn merged + left + right",
        "merge_sort([5, 2, 9, 1])",
    ),
    (
        r"\bgcd\b|common divisor",
        "greatest_common_divisor(first: int, second: int) -> int",
        "Return the largest number that divides both.",
        "while second:\n    first, second = second, first % second\nreturn first",
        "greatest_common_divisor(48, 36)",
    ),
    (
        r"count\w* (?:\w+ )?(?:words|vowels)|word count",
        "count_words(text: str) -> dict[str, int]",
        "Return how often each word appears.",
        "counts: dict[str, int] = {}\nfor word in text.lower().split():\n    counts[word] = counts.get(word, 0) + "
        "1\nreturn counts",
        "count_words('so far so good')",
    ),
    (
        r"\b(?:add|sum|adds|sums|total)\b",
        "add(numbers: list[float]) -> float",
        "Return the sum of all numbers.",
        "return sum(numbers)",
        "add([1, 2, 3])",
    ),
    (
        r"average|mean\b",
        "average(numbers: list[float]) -> float",
        "Return the mean of numbers, or 0 for none.",
        "return sum(numbers) / len(numbers) if numbers else 0.0",
        "average([1, 2, 6])",
    ),
    (
        r"temperature|celsius|fahrenheit",
        "to_fahrenheit(celsius: float) -> float",
        "Return a temperature in degrees Fahrenheit.",
        "return celsius * 9 / 5 + 32",
        "to_fahrenheit(21)",
    ),
    (
        r"\bread\w* (?:a |the )?(?:\w+ )?file|\bcsv\b",
        "read_rows(path: str) -> list[list[str]]",
        "Return the rows of a file with commas.",
        "import csv\n\nwith open(path, newline='', encoding='utf-8') as file:\n    return list(csv.reader(file))",
        "read_rows('table.csv')",
    ),
    (
        r"hello,? world|greet",
        "greet(name: str) -> str",
        "Return a friendly greeting.",
        "return f'Hello, {name}!'",
        "greet('world')",
    ),
)
_FOREIGN = {
    "javascript": "function {name}(input) {\n  // Replace this with the work to be done.\n  return "
        "input;\n}\n\nconsole.log({name}('example'));",
    "typescript": "function {name}(input: string): string {\n  // Replace this with the work to be done.\n  "
        "return input;\n}\n\nconsole.log({name}('example'));",
    "java": "class Main {\n  static String {name}(String input) {\n    // Replace this with the work to be "
        "done.\n    return input;\n  }\n\n"
            "  public static void main(String[] args) {\n    System.out.println({name}(\"example\"));\n  }\n}",
    "rust": "fn {name}(input: &str) -> String {\n    // Replace this with the work to be done.\n    "
        "input.to_string()\n}\n\nfn main() {\n"
            "    println!(\"{}\", {name}(\"example\"));\n}",
    "go": "package main\n\nimport \"fmt\"\n\nfunc {name}(input string) string {\n\t// Replace this with the "
        "work to be done.\n\treturn input\n}\n\n"
          "func main() {\n\tfmt.Println({name}(\"example\"))\n}",
    "bash": "#!/usr/bin/env bash\nset -euo pipefail\n\n{name}() {\n  # Replace this with the work to be "
        "done.\n  echo \"$1\"\n}\n\n{name} \"example\"",
    "sql": "SELECT id, name\nFROM {name}\nORDER BY name\nLIMIT 10;",
    "html": "<!doctype html>\n<title>{name}</title>\n<h1>{name}</h1>\n<p>Hello, world!</p>",
}  # fmt: skip
_SAME = {"shell": "bash", "golang": "go"}


def wants_code(text: str) -> bool:
    """Whether ``text`` asks for a program."""
    return (
        re.search(
            r"\b(?:write|create|implement|generate|give|show|make|need|build|code|"
            r"provide)\b[^.\n]{0,60}\b(?:functions?|code|programs?|scripts?|class|"
            rf"snippet|one-liner|sql query|algorithm|hello world)\b|\b(?:in|using) (?:{_LANGUAGES})(?!\w)|"
            rf"\b(?:python|javascript|rust) (?:function|code|program|script|class)\b",
            text,
            re.I,
        )
        is not None
    )


def program(text: str) -> str:
    """Return a few words and a fenced block of code that suits ``text``."""
    found = re.search(rf"\b({_LANGUAGES})(?!\w)", text, re.I)
    language = found[1].lower() if found else "python"
    language = _SAME.get(language, language)
    if language != "python":
        return _foreign(language, text)
    for pattern, head, doc, body, call in _PROGRAMS:
        if re.search(pattern, text, re.I):
            return _block(head, doc, body, call)
    name = _name(text)
    doc = f"Do one small thing: {' '.join(keywords(_plain(text), 5)) or 'an example'}."
    body = (
        "# This is an outline: put the real work where the input is returned.\nif not value:\n    raise "
        "ValueError('nothing to work on')\nreturn value"
    )
    return _block(f"{name}(value: str) -> str", doc, body, f"{name}('example')")


def _block(head: str, doc: str, body: str, call: str) -> str:
    inside = "\n".join(f"    {line}" if line else "" for line in body.split("\n"))
    return (
        f'Here is a small Python function:\n\n```python\ndef {head}:\n    """{doc}"""\n{inside}\n\n\n'
        f"if __name__ == '__main__':\n    print({call})\n```\n\n"
        f"Call it as `{call}`. It was written by the offline storyteller and was not run, so please test it."
    )


def _foreign(language: str, text: str) -> str:
    template = _FOREIGN.get(language)
    if template is None:
        return (
            f"The offline storyteller writes no "
            f"{language.upper() if len(language) < 4 else language.capitalize()}, so here is the idea in Python "
            f"instead.\n\n{program(re.sub(_LANGUAGES, 'python', text, flags=re.I))}"
        )
    code = template.replace("{name}", _name(text))
    return (
        f"Here is an outline to start from:\n\n```{language}\n{code}\n```\n\nIt was written offline and was "
        f"not run, so please test it."
    )


def _plain(text: str) -> str:
    words = (
        rf"\b(?:{_LANGUAGES}|functions?|code|program|script|class|snippet|write|create|implement|generate|"
        rf"method|that|returns?|given)(?!\w)"
    )
    return re.sub(words, " ", text, flags=re.I)


def _name(text: str) -> str:
    named = re.search(r"\b(?:called|named)\s+`?([A-Za-z_]\w*)", text)
    if named:
        return named[1]
    telling = [word.lower() for word in keywords(_plain(text), 3) if word.isascii() and word.isalpha()]
    name = "_".join(telling) or "example"
    return (
        name
        if name
        not in ("import", "print", "from", "global", "lambda", "pass", "raise", "return", "yield", "async", "await")
        else f"{name}_it"
    )
