"""Shows that every rule of tidy.py can fire, and does not where it should not. Run by `tidy.py --self-test`."""

import tidy

HEADER = "#pragma once\n"


def body(lines):
    return "".join(f"    step_{number}();\n" for number in range(lines))


# (what is shown, files, words of the findings in order of the files). Files that only the rule at hand may look at.
CASES = [
    ("a lower room may not include a higher one", "layers",
     {"src/wire/a.cpp": "#include <mydht/runtime/task.hpp>\n"}, ["wire may not include runtime"]),
    ("rooms of one row may not include each other", "layers",
     {"include/mydht/store/a.hpp": "#include <mydht/transport/tcp.hpp>\n", "src/routing/a.cpp": "#include <mydht/value/a.hpp>\n"},
     ["store may not include transport", "routing may not include value"]),
    ("every step of the house is one way", "layers",
     {"src/core/a.cpp": "#include <mydht/crypto/a.hpp>\n", "src/crypto/a.cpp": "#include <mydht/value/a.hpp>\n",
      "src/runtime/a.cpp": "#include <mydht/transport/a.hpp>\n", "src/transport/a.cpp": "#include <mydht/session/a.hpp>\n",
      "src/session/a.cpp": "#include <mydht/query/a.hpp>\n", "src/query/a.cpp": "#include <mydht/node/a.hpp>\n",
      "src/node/a.cpp": "#include <mydht/sim/scenario.hpp>\n"},
     ["core may not include crypto", "crypto may not include value", "runtime may not include transport",
      "transport may not include session", "session may not include query", "query may not include node",
      "node may not include sim/scenario"]),
    ("a room includes itself and what lies below", "layers",
     {"src/session/a.cpp": "#include <mydht/session/a.hpp>\n#include <mydht/transport/a.hpp>\n#include <mydht/core/id.hpp>\n",
      "tests/core/a.cpp": "#include <mydht/node/node.hpp>\n", "src/tools/a.cpp": "#include <mydht/node/node.hpp>\n"}, []),
    ("scenarios lie above the node, the simulated network does not", "layers",
     {"src/sim/scenario.cpp": "#include <mydht/node/node.hpp>\n#include <mydht/sim/net.hpp>\n",
      "src/sim/net.cpp": "#include <mydht/node/node.hpp>\n#include <mydht/sim/scenario.hpp>\n"},
     ["sim may not include node", "may not include its scenarios"]),
    ("private headers stay in their room", "layers",
     {"src/query/a.cpp": '#include "session/secret.hpp"\n#include "query/own.hpp"\n', "src/query/b.cpp": '#include "../core/a.hpp"\n'},
     ["private header of session", "name it from the top"]),
    ("an include in a comment does not count", "layers", {"src/wire/a.cpp": "// #include <mydht/node/node.hpp>\n"}, []),

    ("TOML only in its module", "third-party",
     {"src/tools/a.cpp": "#include <toml++/toml.h>\n", "src/toml/a.cpp": "#include <toml++/toml.h>\n"}, ["<toml++/toml.h>"]),
    ("sodium only in crypto", "third-party",
     {"src/session/a.cpp": "#include <sodium.h>\n", "src/crypto/a.cpp": "#include <sodium.h>\n"}, ["<sodium.h>"]),
    ("libcrypto only in crypto", "third-party",
     {"src/session/a.cpp": "#include <openssl/evp.h>\n", "src/crypto/a.cpp": "#include <openssl/evp.h>\n"}, ["<openssl/evp.h>"]),
    ("Cap'n Proto only in wire", "third-party",
     {"src/value/a.cpp": "#include <capnp/message.h>\n", "src/node/a.cpp": '#include "schema/mydht.capnp.h"\n',
      "src/query/a.cpp": "#include <kj/io.h>\n", "src/wire/a.cpp": "#include <capnp/message.h>\n"},
     ["<kj/io.h>", "<schema/mydht.capnp.h>", "<capnp/message.h>"]),
    ("Asio from runtime up", "third-party",
     {"src/routing/a.cpp": "#include <asio/awaitable.hpp>\n", "src/runtime/a.cpp": "#include <asio/post.hpp>\n",
      "tests/wire/a.cpp": "#include <asio.hpp>\n"}, ["Asio begins at runtime"]),
    ("two headers of Asio in public headers", "third-party",
     {"include/mydht/node/a.hpp": "#include <asio/awaitable.hpp>\n#include <asio/any_io_executor.hpp>\n#include <asio/ip/tcp.hpp>\n"},
     ["<asio/ip/tcp.hpp>: public headers"]),
    ("logging and argument libraries in applications", "third-party",
     {"src/node/a.cpp": "#include <spdlog/spdlog.h>\n", "src/tools/a.cpp": "#include <CLI/CLI.hpp>\n"}, ["<spdlog/spdlog.h>"]),
    ("JSON in tests", "third-party",
     {"src/node/a.cpp": "#include <nlohmann/json.hpp>\n", "tests/crypto/a.cpp": "#include <nlohmann/json.hpp>\n"}, ["<nlohmann"]),
    ("Protocol Buffers beside the wire", "third-party",
     {"src/node/a.cpp": "#include <google/protobuf/message.h>\n", "src/wire/a.cpp": "#include <google/protobuf/message.h>\n"},
     ["src/node/a.cpp"]),

    ("detached", "banned", {"src/node/a.cpp": "co_spawn_(x, asio::detached);\n", "examples/a.cpp": "asio::detached;\n"}, ["detached"]),
    ("raw timers", "banned", {"src/query/a.cpp": "asio::steady_timer timer;\n", "src/runtime/a.cpp": "steady_timer t;\n"}, ["steady_timer"]),
    ("clocks", "banned", {"src/store/a.cpp": "auto t = std::chrono::steady_clock::now();\nx = system_clock::now();\n",
                          "src/crypto/a.cpp": "time(nullptr);\n", "src/runtime/a.cpp": "steady_clock::now();\n",
                          "src/node/a.cpp": "steady_time now = clock.now();\n"},
     ["time(nullptr)", "steady_clock::now", "system_clock::now"]),
    ("random devices", "banned", {"src/sim/a.cpp": "std::random_device d;\nint x = rand();\n", "src/crypto/a.cpp": "random_device d;\n",
                                  "src/node/a.cpp": "auto x = grand(1);\n"}, ["random_device", "rand("]),
    ("unportable randomness", "banned", {"src/query/a.cpp": "std::shuffle(a, b, c);\n", "src/sim/a.cpp":
                                         "std::uniform_int_distribution<int> d;\nmydht::shuffle(a, b);\n"},
     ["std::shuffle", "std::uniform_int_distribution"]),
    ("sleeps", "banned", {"tests/node/a.cpp": "std::this_thread::sleep_for(1s);\nusleep(3);\nsleep(1);\n",
                          "tests/node/b.cpp": "co_await sleep_until(c, t);\nclock.sleep(1);\n"},
     ["this_thread::sleep_", "usleep(", "sleep("]),
    ("co_spawn", "banned", {"src/node/a.cpp": "asio::co_spawn(a, b, c);\n", "tests/node/a.cpp": "co_spawn(a, b, c);\n"}, ["co_spawn"]),
    ("choice beside an await", "banned",
     {"tests/node/a.cpp": "void f() { g(a ? b :\n  co_await c()); }\n", "tests/node/b.cpp": "void f() { co_await g(a ? b : c); }\n"},
     ["co_await", "co_await"]),
    ("operators", "banned", {"tests/node/a.cpp": "using namespace asio::experimental::awaitable_operators;\n"}, ["awaitable_operators"]),
    ("opened classes", "banned", {"tests/node/a.cpp": "#define private public\n"}, ["define private"]),
    ("writing", "banned", {"src/node/a.cpp": 'std::cerr << 1;\nstd::printf("");\n', "src/tools/a.cpp": "std::cout << 1;\n",
                           "src/core/a.cpp": "std::snprintf(a, b, c);\n"}, ["std::cerr", "std::printf("]),
    ("locks", "banned", {"src/session/a.cpp": "std::mutex m;\n", "src/runtime/a.cpp": "std::mutex m;\n"}, ["std::mutex"]),
    ("using namespace in a header", "banned", {"include/mydht/core/a.hpp": HEADER + "using namespace std;\n",
                                               "tests/core/a.cpp": "using namespace mydht;\n"}, ["using namespace"]),
    ("comments and strings are no code", "banned",
     {"src/node/a.cpp": '// std::mutex\n/* std::mutex\n */ auto s = "std::mutex"; auto r = R"(std::mutex)"; char c = \'"\';\n'}, []),
    ("code behind a digit separator is code", "banned", {"src/node/a.cpp": "int x = 1'000; std::mutex m; int y = 2'000;\n"}, ["std::mutex"]),

    ("long functions", "size",
     {"src/node/a.cpp": "void node::run(int a) {\n" + body(69) + "}\n\nvoid node::fine() {\n" + body(68) + "}\n"}, ["node::run has 71 lines"]),
    ("a table in a function does not count, a lambda beside one does", "size",
     {"src/node/a.cpp": "void run() {\n    const int table[] = {\n" + "        {1, 2},\n" * 100 + "    };\n" + body(65) + "}\n",
      "src/node/b.cpp": "void more() {\n    const int table[] = {\n" + "        {1, 2},\n" * 100 + "    };\n" + body(67) + "}\n",
      "src/node/c.cpp": "void call() {\n    each({1, 2}, [](int a) {\n" + body(70) + "    });\n}\n"},
     ["more has 71 lines", "call has 74 lines"]),
    ("a long lambda counts as a part of its function", "size",
     {"src/node/a.cpp": "void run() {\n    each([](int a) {\n" + body(70) + "    });\n}\n"}, ["run has 74 lines"]),
    ("a long constructor, behind its initialisers", "size",
     {"src/node/a.cpp": "node::node(int a)\n    : a_{a},\n      b_(2) {\n" + body(69) + "}\n"}, ["node::node has 73 lines"]),
    ("a long function in a class", "size",
     {"src/node/a.cpp": "namespace a {\nclass b : c {\n    int run() const {\n" + body(69) + "    }\n};\n}\n"}, ["run has 71 lines"]),
    ("a long class, table or namespace is no function", "size",
     {"src/node/a.cpp": "namespace x {\nclass a {\n" + "    void f();\n" * 80 + "};\nconst int table[] = {\n" + "    f(1),\n" * 80 +
      "};\nstruct b {\n" + "    int f() { return 1; }\n" * 80 + "};\n}\n"}, []),
    ("long files", "size", {"src/node/a.cpp": "int a;\n" * 501, "src/node/b.cpp": "int a;\n" * 500, "tests/node/a.cpp": "int a;\n" * 800,
                            "tests/node/b.cpp": "int a;\n" * 801}, ["src/node/a.cpp has 501", "tests/node/b.cpp has 801"]),
    ("an exception holds up to its number", "size",
     {tidy.EXCEPTIONS: "# why\nsrc/node/a.cpp 510\nsrc/node/b.cpp 510\n", "src/node/a.cpp": "int a;\n" * 510,
      "src/node/b.cpp": "int a;\n" * 511}, ["b.cpp has 511 lines, 510 are allowed"]),
    ("an exception that nothing needs", "size", {tidy.EXCEPTIONS: "src/node/a.cpp 510\n", "src/node/a.cpp": "int a;\n"}, ["needs no exception"]),

    ("files that no build knows", "dead", {"src/node/meson.build": "files('a.cpp')\n", "src/node/a.cpp": "int a;\n", "tests/node/b.cpp": ""},
     ["no meson.build lists this file"]),
    ("headers that nobody includes", "dead",
     {"include/mydht/core/a.hpp": HEADER, "include/mydht/core/b.hpp": HEADER + "#include <mydht/core/a.hpp>\n", "src/node/c.hpp": HEADER,
      "src/node/d.hpp": HEADER + '#include "c.hpp"\n', "src/node/e.hpp": HEADER + '#include "node/d.hpp"\n'},
     ["nobody includes", "nobody includes"]),

    ("trailing space, tabs, ends", "text", {"docs/a.md": "a \n\tb\nc"}, ["the last line has no end", "trailing space", "tab"]),
    ("unnumbered reminders", "text", {"src/node/a.cpp": "// TO" "DO: later\n// TO" "DO(#12): with a number\n// FIX" "ME #3\n"}, ["without an issue number"]),
    ("long comments", "text", {"src/node/a.cpp": "// " + "a" * 117 + "\n// " + "a" * 118 + "\n"}, ["past column 120"]),
    ("a header without its guard", "text", {"src/node/a.hpp": "int a;\n", "src/node/b.hpp": HEADER}, ["no #pragma once"]),
]

# Each rule looks only at its own cases, so that a case need not be tidy in every other way.
RULES = {
    "layers": lambda files, code: tidy.check_layers(code),
    "third-party": lambda files, code: tidy.check_third_party(code),
    "banned": lambda files, code: tidy.check_banned(code),
    "size": lambda files, code: [one for one in tidy.check_all(files) if one.rule == "size"],
    "dead": lambda files, code: tidy.check_dead_files(code, files),
    "text": lambda files, code: tidy.check_text(files),
}


def misses(wanted, found):
    """What differs between the words that were wanted, in any order, and the findings."""
    rest = [f"{one}" for one in found]
    out = []
    for words in wanted:
        hit = next((one for one in rest if words in one), None)
        if hit is None:
            out.append(f"no finding says: {words}")
        else:
            rest.remove(hit)
    return out + [f"too much: {one}" for one in rest]


def untested_patterns():
    """The entries of the lists that no case makes fire."""
    for name, entries, look in (("BANNED", tidy.BANNED, tidy.check_banned), ("THIRD_PARTY", tidy.THIRD_PARTY, tidy.check_third_party)):
        for pattern, *_, instead in entries:
            fired = any(instead in one.text for _, _, files, _ in CASES
                        for one in look({path: tidy.only_code(text) for path, text in files.items()}))
            if not fired:
                yield f"{name}: nothing shows that {pattern} fires"


def run():
    failed = list(untested_patterns())
    for what, rule, files, wanted in CASES:
        code = {path: tidy.only_code(text) for path, text in files.items() if path.endswith(tidy.CODE)}
        failed += [f"{what}: {miss}" for miss in misses(wanted, RULES[rule](files, code))]
    for line in failed:
        print(line)
    print(f"tidy self-test: {len(CASES)} cases, {len(failed)} failures")
    return 1 if failed else 0
