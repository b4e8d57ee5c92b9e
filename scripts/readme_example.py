#!/usr/bin/env python3
"""What pages show is built and run: each block of C++ or Cap'n Proto in them stands word for word in an example or a test."""

import pathlib
import re
import sys
import textwrap

TOP = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = TOP / "examples" / "hello_node.cpp"
LINES = 30
EXAMPLES = ("examples/*.cpp",)
# Pages, and where what they show comes from. Typed calls need a schema, which the tests have.
PAGES = {
    "README.md": EXAMPLES,
    "docs/applications.md": (*EXAMPLES, "tests/node/test_calls.cpp", "tests/node/calls.capnp"),
}


def blocks_of(page):
    text = (TOP / page).read_text(encoding="utf-8")
    return re.findall(r"^```(?:cpp|capnp)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def stands_in(block, source):
    """Whole lines, however deep they are indented there."""
    return any("\n" + textwrap.indent(block, " " * depth) in "\n" + source for depth in (0, 4, 8))


def main():
    for page, places in PAGES.items():
        sources = [path.read_text(encoding="utf-8") for place in places for path in sorted(TOP.glob(place))]
        blocks = blocks_of(page)
        if not blocks:
            sys.exit(f"{page} shows no code")
        for block in blocks:
            if not any(stands_in(block, source) for source in sources):
                sys.exit(f"{page} shows what is nowhere built; copy it from {' or '.join(places)}:\n{block}")
    shown = [block for block in blocks_of("README.md") if "int main(" in block]
    if len(shown) != 1:
        sys.exit(f"README.md shows {len(shown)} programs with a main; one is expected")
    if shown[0] not in PROGRAM.read_text(encoding="utf-8"):
        sys.exit(f"the program in README.md is not what {PROGRAM.relative_to(TOP)} has; copy it from there")
    lines = sum(1 for line in shown[0].splitlines() if line.strip())
    if lines > LINES:
        sys.exit(f"the program in README.md has {lines} lines that are not empty; {LINES} are promised")


if __name__ == "__main__":
    main()
