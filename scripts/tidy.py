#!/usr/bin/env python3
"""The rules of the house that a program can check; CONTRIBUTING.md has the reasons.

usage: tidy.py [--self-test]

Prints one line a finding, `file:line: [rule] what and what instead`, and exits 1 if there are any. Sizes that are over the
limit for a reason are named in tidy_exceptions.txt, with the size that they may not grow past.
"""

import pathlib
import re
import subprocess
import sys
from typing import NamedTuple

TOP = pathlib.Path(__file__).resolve().parent.parent
EXCEPTIONS = "scripts/tidy_exceptions.txt"

# --- who may include whom ------------------------------------------------------------------------------------------------

_VALUES = {"core", "crypto", "wire", "value", "routing"}
_BELOW_QUERY = _VALUES | {"runtime", "transport", "store", "session"}
_BELOW_NODE = _BELOW_QUERY | {"query", "blob", "trust", "tunnel", "mainline"}
MAY_INCLUDE = {
    "core": set(),
    "crypto": {"core"},
    "wire": {"core", "crypto"},
    "value": {"core", "crypto"},
    "routing": {"core", "crypto"},
    "runtime": _VALUES,
    "transport": _VALUES | {"runtime"},
    "store": _VALUES | {"runtime"},
    "sim": _VALUES | {"runtime", "transport"},
    "session": _VALUES | {"runtime", "transport", "store"},
    "query": _BELOW_QUERY,
    "blob": _BELOW_QUERY | {"query"},
    "trust": _BELOW_QUERY | {"query"},
    "tunnel": _BELOW_QUERY | {"query"},
    "mainline": _BELOW_QUERY | {"query"},
    "toml": _BELOW_QUERY | {"query"},
    "node": _BELOW_NODE,
    "sim/scenario": _BELOW_NODE | {"node", "sim"},
    "tools": _BELOW_NODE | {"toml", "node", "sim", "sim/scenario"},
}
# Third-party headers: (pattern of the include, folders that may have it, what to do instead). Tests and benchmarks may all.
THIRD_PARTY = [
    (r"sodium(\.h|/)", ["src/crypto/"], "libsodium stays inside src/crypto; use mydht/crypto"),
    (r"openssl/", ["src/crypto/"], "libcrypto stays inside src/crypto; use mydht/crypto"),
    (r"(capnp|kj)/|.*\.capnp\.h$", ["src/wire/", "include/mydht/node/capnp_service.hpp"], "Cap'n Proto stays inside src/wire; use mydht/wire"),
    (r"asio(\.hpp|/)", ["src/tools/", "examples/"] + [
        f"{root}/{room}/" for root in ("src", "include/mydht") for room in MAY_INCLUDE if room not in _VALUES
    ], "Asio begins at runtime; below it nothing waits"),
    (r"toml\+\+/", ["src/toml/"], "TOML stays inside src/toml, which is opt-in"),
    (r"(spdlog|fmt|CLI)/", ["src/tools/", "examples/"], "the library writes through mydht::logger and parses no arguments"),
    (r"nlohmann/", [], "nlohmann's JSON is for tests; messages have a codec"),
    (r"google/protobuf/", ["src/wire/"], "Protocol Buffers stay inside src/wire; use mydht/wire"),
]
PUBLIC_ASIO = {"asio/awaitable.hpp", "asio/any_io_executor.hpp"}
# Opt-in headers that are there for the third party's sake.
ASIO_HEADERS = {"include/mydht/session/asio_stream.hpp"}

# --- what not to write ---------------------------------------------------------------------------------------------------

_RUNTIME = ["src/runtime/", "include/mydht/runtime/"]
# (pattern, where it is allowed, what to use instead). Looked for in code, not in comments and strings.
BANNED = [
    (r"\bdetached\b", ["examples/"], "mydht::task_group, which joins what it spawns"),
    (r"\b(steady_timer|system_timer|high_resolution_timer|deadline_timer)\b", _RUNTIME, "clock, sleep_until, with_deadline"),
    (r"\b(steady|system|high_resolution)_clock\s*::\s*now\b", ["src/runtime/", "bench/", "tests/support/seed.hpp"],
     "the environment's clock"),
    (r"\b(gettimeofday|clock_gettime)\s*\(|\btime\s*\(\s*(nullptr|NULL|0)\s*\)", ["src/runtime/", "bench/"],
     "the environment's clock"),
    (r"\brandom_device\b|\bs?rand\s*\(|\bgetrandom\s*\(", ["src/runtime/", "src/crypto/", "bench/", "tests/support/seed.hpp"],
     "the environment's secure_random or prng"),
    (r"\bstd::(shuffle|sample|mt19937\w*|\w+_distribution)\b", ["tests/", "bench/"],
     "mydht::shuffle and prng: the standard's differ between libraries, and a simulation must replay"),
    (r"\bthis_thread\s*::\s*sleep_|\b(usleep|nanosleep)\s*\(|(?<![\w.:>])sleep\s*\(", [],
     "the virtual clock in tests, sleep_until in code"),
    # A simulated world runs tasks to their end as main does.
    (r"\bco_spawn\b", _RUNTIME + ["src/sim/world", "examples/", "src/tools/", "tests/", "bench/"], "mydht::task_group or run_on"),
    (r"\bco_(?:await|yield)\b[^;{}]*\s\?\s|\s\?\s[^;{}]*\bco_(?:await|yield)\b", [],
     "a variable of its own beside co_await: g++ 12.2 destroys twice what ?: makes there"),
    (r"\bawaitable_operators\b", [], "race and task_group: raw operators lose errors"),
    (r"#\s*define\s+(private|protected)\b", [], "an internal header that the test includes"),
    (r"\bstd::(cout|cerr|clog)\b|(?<![\w:])(std::)?f?printf\s*\(", ["src/tools/", "examples/", "tests/", "bench/"],
     "mydht::logger: the library writes nothing by itself"),
    (r"\bstd::(mutex|shared_mutex|recursive_mutex|condition_variable)\b",
     ["src/runtime/", "src/tools/", "examples/", "tests/", "bench/"], "the node's strand: nothing locks"),
]

FUNCTION_LINES = 70
FILE_LINES = 500
TEST_FILE_LINES = 800
CODE = (".cpp", ".hpp")
COLUMNS = 120
TEXT = CODE + (".py", ".md", ".capnp", ".build", ".txt", ".wrap", ".sh", ".h")


class Finding(NamedTuple):
    path: str
    line: int
    rule: str
    text: str

    def __str__(self):
        return f"{self.path}:{self.line}: [{self.rule}] {self.text}"


_TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<mark>[^\s()\\]{0,16})\(.*?\)(?P=mark)"'
    r"|\"(?:\\.|[^\"\\\n])*\"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'", re.DOTALL)
_INCLUDE_LINE = re.compile(r'^[ \t]*#[ \t]*include\b[^\n]*', re.MULTILINE)


def only_code(text):
    """The text with comments and the insides of strings blanked; lines and columns stay."""
    def blank(match):
        token = match.group(0)
        if token[0] == '"' and _INCLUDE_LINE.match(text, text.rfind("\n", 0, match.start()) + 1):
            return token
        inside = re.sub(r"[^\n]", " ", token)
        return inside if token[0] == "/" else token[0] + inside[1:-1] + token[-1]
    return _TOKEN.sub(blank, text)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def inside(path, folders):
    return any(path.startswith(folder) for folder in folders)


def room_of(path):
    """The module that a file belongs to, None for what has no rank (tests, benchmarks, examples)."""
    found = re.match(r"(?:include/mydht|src)/(\w+)/(\w+)", path)
    if not found:
        return None
    return "sim/scenario" if found.group(1) == "sim" and found.group(2).startswith("scenario") else found.group(1)


def includes(code):
    for found in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', code, re.MULTILINE):
        yield line_of(code, found.start(2)), found.group(1) == '"', found.group(2)


# --- the rules: each takes {path: text} of code files with comments blanked, or of all files -------------------------------

def check_layers(code):
    for path, text in code.items():
        room = room_of(path)
        if room is None:
            continue
        for line, quoted, name in includes(text):
            if name.startswith("../"):
                yield Finding(path, line, "layers", f'"{name}": name it from the top (src/ or include/)')
            private = quoted and not name.startswith("mydht/") and re.match(r"(\w+)/", name)
            if private and private.group(1) in MAY_INCLUDE and private.group(1) != room.split("/")[0]:
                yield Finding(path, line, "layers", f'"{name}" is a private header of {private.group(1)}')
            public = re.match(r"mydht/(\w+)/(\w+)", name)
            if not public:
                continue
            target = room_of("include/" + name)
            if target != room and target.split("/")[0] != room and target not in MAY_INCLUDE.get(room, set()):
                yield Finding(path, line, "layers", f"{room} may not include {target}: a module includes only those below it")
            if room == "sim" and target == "sim/scenario":
                yield Finding(path, line, "layers", "the simulated world may not include its scenarios")


def check_third_party(code):
    for path, text in code.items():
        if inside(path, ["tests/", "bench/"]):
            continue
        for line, _, name in includes(text):
            for pattern, allowed, instead in THIRD_PARTY:
                if re.match(pattern, name) and not inside(path, allowed):
                    yield Finding(path, line, "third-party", f"<{name}>: {instead}")
            public = path.startswith("include/") and path not in ASIO_HEADERS
            if public and name.startswith("asio") and name not in PUBLIC_ASIO:
                yield Finding(path, line, "third-party", f"<{name}>: public headers may have {', '.join(sorted(PUBLIC_ASIO))}")


def check_banned(code):
    for path, text in code.items():
        if path.startswith("tests/consumer/"):  # somebody else's project, as far as our rules go
            continue
        for pattern, allowed, instead in BANNED:
            if inside(path, allowed):
                continue
            for found in re.finditer(pattern, text):
                yield Finding(path, line_of(text, found.start()), "banned", f"{found.group(0).strip()}: use {instead}")
        if path.endswith(".hpp") and not path.startswith("tests/"):
            for found in re.finditer(r"^using namespace\b", text, re.MULTILINE):
                yield Finding(path, line_of(text, found.start()), "banned", "using namespace in a header: write the name")


_NO_FUNCTION = re.compile(r"^\s*(\[\[.*?\]\]\s*)*(template\s*<.*>\s*)?(export\s+)?"
                          r"(namespace|class|struct|union|enum|if|else|for|while|switch|do|try|catch|case|extern|requires|concept)\b",
                          re.DOTALL)
_BEFORE_INITIALISER = re.compile(r"[\w>\])(,={]$|\breturn $|[=(,] $")


def functions(text):
    """(first line, lines, name) of the function bodies; text is code without comments, formatted by clang-format. The lines
    of a table inside are data and do not count."""
    stack = []  # (what it is, start of its header)
    header = 0
    in_function = 0
    table_lines = 0
    for found in re.finditer(r"[{};]|^[ \t]*#.*$", text, re.MULTILINE):
        mark, at = found.group(0)[0], found.start()
        if mark not in "{};":
            header = found.end()
        elif mark == "{":
            before = text[max(0, at - 8):at].replace("\n", " ")
            if _BEFORE_INITIALISER.search(before):
                outermost = not (stack and stack[-1][0].endswith("initialiser"))
                stack.append(("initialiser" if outermost else "inner initialiser", at))
                continue
            head = text[header:at]
            is_function = in_function == 0 and ")" in head and not _NO_FUNCTION.match(head)
            in_function += 1 if is_function or in_function else 0
            table_lines = 0 if is_function else table_lines
            stack.append(("function" if is_function else "block", header))
            header = at + 1
        elif mark == "}" and stack:
            kind, start = stack.pop()
            if kind == "initialiser":
                table_lines += max(0, text.count("\n", start, at) - 1)
            if kind.endswith("initialiser"):
                continue
            if in_function:
                in_function -= 1
            if kind == "function":
                head = text[start:at].split("{")[0]
                name = re.search(r"([~\w:]+|operator\W+)\s*\(", head)
                first = line_of(text, start + len(head) - len(head.lstrip()))
                yield first, line_of(text, at) - first + 1 - table_lines, name.group(1) if name else "?"
                table_lines = 0
            header = at + 1
        elif mark == ";" and not (stack and stack[-1][0].endswith("initialiser")):
            header = at + 1


def sizes(code):
    """(path, line, what it is called in the exceptions, lines, limit) of everything that has a limit."""
    for path, text in code.items():
        limit = TEST_FILE_LINES if path.startswith("tests/") else FILE_LINES
        yield path, 1, path, text.count("\n"), limit
        for first, lines, name in functions(text):
            yield path, first, f"{path}:{name}", lines, FUNCTION_LINES


def check_sizes(code, exceptions):
    used = set()
    for path, line, what, lines, limit in sizes(code):
        if lines <= limit:
            continue
        used.add(what)
        if lines <= exceptions.get(what, limit):
            continue
        yield Finding(path, line, "size", f"{what} has {lines} lines, {exceptions.get(what, limit)} are allowed; "
                                          "which concept is missing?")
    for what in sorted(set(exceptions) - used):
        yield Finding(EXCEPTIONS, 1, "size", f"{what} needs no exception any more")


def check_dead_files(code, files):
    builds = "\n".join(text for path, text in files.items() if path.endswith("meson.build"))
    included = set()
    for path, text in code.items():
        for _, quoted, name in includes(text):
            included.add(name)
            if quoted and "/" not in name:  # found beside the file that includes it
                included.add(path.rsplit("/", 1)[0] + "/" + name)
    for path in code:
        if inside(path, ["tests/consumer/"]):
            continue
        name = path.rsplit("/", 1)[-1]
        if path.endswith(".cpp") and not re.search(rf"""['/]{re.escape(name)}'""", builds):
            yield Finding(path, 1, "dead", "no meson.build lists this file")
        short = re.sub(r"^(include|src|tests)/", "", path)
        if path.endswith(".hpp") and short not in included and path not in included:
            yield Finding(path, 1, "dead", "nobody includes this header")


def check_text(files):
    for path, text in files.items():
        if not path.endswith(TEXT) and "/" in path and not path.startswith(("scripts/", ".ci/", "tests/cli/")):
            continue
        if text and not text.endswith("\n"):
            yield Finding(path, text.count("\n") + 1, "text", "the last line has no end")
        for number, line in enumerate(text.splitlines(), 1):
            if line != line.rstrip():
                yield Finding(path, number, "text", "trailing space")
            if "\t" in line:
                yield Finding(path, number, "text", "tab")
            if path.endswith(CODE) and len(line) > COLUMNS and "//" in line:  # clang-format breaks code, not comments
                yield Finding(path, number, "text", f"a comment goes past column {COLUMNS}")
        for found in re.finditer(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b(?!\s*\(?#\d+)", text):
            yield Finding(path, line_of(text, found.start()), "text", f"{found.group(0)} without an issue number, as in (#12)")
        if path.endswith(".hpp") and not re.search(r"^#pragma once$", text, re.MULTILINE):
            yield Finding(path, 1, "text", "no #pragma once")


def check_all(files):
    code = {path: only_code(text) for path, text in files.items() if path.endswith(CODE)}
    exceptions = {}
    for line in files.get(EXCEPTIONS, "").splitlines():
        if line and not line.startswith("#"):
            what, lines = line.split()
            exceptions[what] = int(lines)
    findings = [
        *check_layers(code), *check_third_party(code), *check_banned(code), *check_sizes(code, exceptions),
        *check_dead_files(code, files), *check_text(files),
    ]
    return sorted(findings)


def read_tree():
    """What git knows or would add; without git, everything outside of build folders."""
    try:
        names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=TOP, check=True,
                               capture_output=True, text=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        names = [path.relative_to(TOP).as_posix() for path in TOP.rglob("*")]
        names = [name for name in names if not re.match(r"\.git/|build|subprojects/[^/]*/|\.cache", name)]
    files = {}
    for name in sorted(set(names)):
        path = TOP / name
        if name and path.is_file() and not re.match(r"tests/fuzz/corpus/|LICENSE", name):
            try:
                files[name] = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue
    return files


def main():
    if sys.argv[1:] == ["--self-test"]:
        import tidy_self_test
        sys.exit(tidy_self_test.run())
    if len(sys.argv) > 1:
        sys.exit(__doc__)
    files = read_tree()
    findings = check_all(files)
    for finding in findings:
        print(finding)
    print(f"tidy: {len(files)} files, {len(findings)} findings")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
