#!/usr/bin/env python3
"""Compiles every public header alone: each must include what it uses.

usage: header_check.py INCLUDE-FOLDER COMPILER [ARGUMENT...]      (ninja -C build header-check calls it)
"""

import concurrent.futures
import os
import pathlib
import subprocess
import sys


def check(folder, command, header):
    name = header.relative_to(folder).as_posix()
    # Twice, so that a missing guard shows too.
    source = f"#include <{name}>\n#include <{name}>\n"
    done = subprocess.run(
        [*command, "-I", str(folder), "-fsyntax-only", "-x", "c++", "-"],
        input=source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return name, done.returncode, done.stdout


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1]).resolve()
    # A compiler cache only costs time where no object is made.
    command = [word for word in sys.argv[2:] if pathlib.Path(word).name != "ccache"]
    headers = sorted(folder.rglob("*.hpp"))
    if not headers:
        sys.exit(f"header_check: no headers below {folder}")
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, code, output in pool.map(lambda header: check(folder, command, header), headers):
            if code != 0 or output:
                failed += 1
                print(f"--- <{name}> does not compile alone:\n{output}")
    print(f"header check: {len(headers) - failed} of {len(headers)} public headers compile alone")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
