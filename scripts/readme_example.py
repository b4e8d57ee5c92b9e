#!/usr/bin/env python3
"""What the README shows is built and run: each block of C++ in it stands word for word in an example, the program in hello_node.cpp."""

import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = TOP / "examples" / "hello_node.cpp"
LINES = 30


def main():
    program = PROGRAM.read_text(encoding="utf-8")
    blocks = re.findall(r"^```cpp\n(.*?)^```$", (TOP / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    shown = [block for block in blocks if "int main(" in block]
    if len(shown) != 1:
        sys.exit(f"README.md shows {len(shown)} programs with a main; one is expected")
    examples = [path.read_text(encoding="utf-8") for path in sorted((TOP / "examples").glob("*.cpp"))]
    for block in blocks:
        if not any(block in example for example in examples):
            sys.exit(f"README.md shows what no example has; copy it from one:\n{block}")
    if shown[0] not in program:
        sys.exit(f"the program in README.md is not what {PROGRAM.relative_to(TOP)} has; copy it from there")
    lines = sum(1 for line in shown[0].splitlines() if line.strip())
    if lines > LINES:
        sys.exit(f"the program in README.md has {lines} lines that are not empty; {LINES} are promised")


if __name__ == "__main__":
    main()
