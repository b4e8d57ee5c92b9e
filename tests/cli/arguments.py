#!/usr/bin/env python3
"""Wrong arguments, help, and what is not there yet: no network is needed to say so."""

import os

import support

KEY = "ab" * 32
SOMEWHERE = ["--bootstrap", "udp://127.0.0.1:4000"]
COMMANDS = ["keygen", "id", "node", "put", "get", "publish", "retract", "resolve", "trace", "request", "lookup", "ping", "codec", "demo"]


class Help(support.Case):
    def test_every_command_explains_itself_with_an_example(self):
        for command in COMMANDS:
            text = self.succeeds(command, "--help").decode()
            self.assertIn("Example", text)
            self.assertIn(f"  mydht {command} ", text)
            for option in ("--help", "--timeout", "--log-level", "--network", "--json"):
                self.assertIn(option, text, command)
            self.assertEqual(self.succeeds(command, "-h").decode(), text)

    def test_the_program_lists_its_commands(self):
        text = self.succeeds("--help").decode()
        for command in COMMANDS:
            self.assertIn(f"\n  {command} ", text)
        self.assertIn("Example", text)

    def test_what_options_take(self):
        for command in COMMANDS:
            self.assertRegex(self.succeeds(command, "--help").decode(), r"number\s+and\s+ms,\s+s,\s+m,\s+h\s+or\s+d")
        for command in ("publish", "retract", "resolve"):
            self.assertIn("--salt TEXT", self.succeeds(command, "--help").decode())

    def test_version(self):
        self.assertRegex(self.succeeds("--version").decode(), r"^mydht \d+\.\d+\.\d+\n$")


class WrongArguments(support.Case):
    def test_commands(self):
        self.refused(2, says="no command")
        self.refused(2, "fetch", says=["'fetch'", "--help"])
        self.refused(2, "--json", "get", says="'--json'")
        self.refused(2, "", says="''")

    def test_the_line_stays_one_line_whatever_the_argument(self):
        self.refused(2, "a\nb\x1b[31m", says="'a?b?[31m'")
        self.refused(2, "x" * 10_000)
        self.refused(2, "get", *SOMEWHERE, "a\nb", says="'a?b'")
        self.refused(2, "get", "--a\nb")
        self.refused(2, os.fsencode("get"), b"\xff\xfe")

    def test_unknown_and_repeated_options_and_surplus_arguments(self):
        for command in COMMANDS:
            self.refused(2, command, "--no-such-option", says=["--no-such-option", f"mydht {command} --help"])
        self.refused(2, "get", *SOMEWHERE, KEY, KEY, says=KEY)
        self.refused(2, "get", *SOMEWHERE, "--timeout", "1s", "--timeout", "2s", KEY, says="--timeout")
        for command, option, shown in (("put", "--bootstrap", "ADDR"), ("id", "--identity", "FILE"), ("get", "--mode", "MODE")):
            self.refused(2, command, option, says=f"{option} needs {shown} behind it; see mydht {command} --help")
        self.refused(2, "get", "--mode", "--json", KEY, says="--mode needs MODE")
        # An option that is not known is not a key, and not surplus.
        for wrong in (["put", "--results", "2", "x"], ["get", "--results=2", "--mod", "proxied", KEY], ["get", "-x", KEY]):
            option = next(text for text in wrong if text in ("--results", "--mod", "-x"))
            self.refused(2, wrong[0], *SOMEWHERE, *wrong[1:], says=f"there is no option '{option}'; see mydht {wrong[0]} --help")

    def test_help_comes_before_what_is_wrong(self):
        for wrong in (["-h", "extra", "more"], ["--no-such-option", "--help"], [KEY, KEY, "-h"]):
            self.assertEqual(self.succeeds("get", *wrong), self.succeeds("get", "--help"))
        self.refused(2, "get", *SOMEWHERE, "--", "--help", says="'--help' is no key")

    def test_durations(self):
        for text in ("", "0s", "5", "s", "5x", "-5s", "1.5s", "5 s", "5ms ", "99999999999999999999s", "999999999999999d"):
            self.refused(2, "get", *SOMEWHERE, "--timeout", text, KEY, says=["--timeout", f"'{text}'", "30s"])
        self.refused(2, "put", *SOMEWHERE, "--ttl", "49h", "x", says=["--ttl", "'49h'", "48h"])
        self.refused(2, "publish", *SOMEWHERE, "--ttl", "3d", "x", says=["--ttl", "'3d'"])

    def test_keys_and_ids(self):
        for command, name in (("get", "KEY"), ("resolve", "KEY"), ("lookup", "ID")):
            for text in ("zz", KEY[:-1], KEY + "0", KEY.upper(), "0x" + KEY[2:], ""):
                self.refused(2, command, *SOMEWHERE, text, says=[name, f"'{text}'", "64 lower-case"])
            self.refused(2, command, *SOMEWHERE, says=f"no {name}")
        self.refused(2, "resolve", *SOMEWHERE, "--author", "12", says=["--author", "'12'"])
        self.refused(2, "resolve", *SOMEWHERE, "--author", KEY, KEY, says=["KEY", "--author"])
        self.refused(2, "resolve", *SOMEWHERE, "--salt", "x", KEY, says=["--salt", "--author"])

    def test_addresses(self):
        for text in ("127.0.0.1:4000", "tcp://", "tcp://127.0.0.1", "tcp://127.0.0.1:", "tcp://127.0.0.1:65536",
                     "tcp://127.0.0.1:x", "http://127.0.0.1:80", "tcp://ab@127.0.0.1:4000", "tcp://[::1:4000", ""):
            self.refused(2, "ping", text, says=["ADDR", f"'{text}'"])
            self.refused(2, "get", "--bootstrap", text, KEY, says=["--bootstrap", f"'{text}'"])
            self.refused(2, "node", "--listen", text, says=["--listen", f"'{text}'"])
        for text in ("tcp://127.0.0.1:0", "tcp://0.0.0.0:4000", "tcp://[::]:4000"):
            self.refused(2, "ping", text, says=[text, "not dialled"])
        self.refused(2, "ping", "mem://node", says=["mem", "not available yet"])
        self.refused(2, "node", "--listen", f"tcp://{KEY}@127.0.0.1:0", says="--identity")
        self.refused(2, "ping", says="no ADDR")
        self.refused(2, "node", *["--listen", "tcp://127.0.0.1:0"] * 9, says=["--listen", "9 times", "8 times"])

    def test_clients_need_a_bootstrap(self):
        identity = self.identity()
        for arguments in (["put", "x"], ["get", KEY], ["publish", "--identity", identity, "x"],
                          ["retract", "--identity", identity], ["resolve", KEY], ["lookup", KEY]):
            self.refused(2, *arguments, says=["no --bootstrap", "udp://127.0.0.1:4000"])

    def test_other_values(self):
        self.refused(2, "get", *SOMEWHERE, "--log-level", "loud", KEY, says=["--log-level", "'loud'", "warning"])
        self.refused(2, "get", *SOMEWHERE, "--network", "", KEY, says="--network")
        self.refused(2, "get", *SOMEWHERE, "--network", "n" * 256, KEY, says=["--network", "255"])
        self.refused(2, "publish", *SOMEWHERE, "--seq", "one", "x", says=["--seq", "'one'"])
        self.refused(2, "publish", *SOMEWHERE, "--seq", "-1", "x", says="--seq")
        self.refused(2, "publish", *SOMEWHERE, "--cas", str(2**64), "x", says="--cas")
        self.refused(2, "publish", *SOMEWHERE, "--salt", "s" * 65, "x", says=["--salt", "64"])
        self.refused(2, "publish", *SOMEWHERE, "x", says="no --identity")
        self.refused(2, "retract", *SOMEWHERE, says="no --identity")
        self.refused(2, "demo", "--nodes", "3", says=["--nodes", "'3'"])
        self.refused(2, "keygen", "--work", "65", says=["--work", "'65'"])

    def test_values_that_are_too_large(self):
        self.refused(2, "put", *SOMEWHERE, "-", content=bytes(65537), says=["VALUE", "65536"])
        self.refused(2, "put", *SOMEWHERE, "x" * 65537, says=["VALUE", "65536"])
        asked = ["request", *SOMEWHERE, KEY, "echo/1"]
        self.refused(2, *asked, "-", content=bytes(61441), says=["VALUE", "61440"])
        self.refused(2, *asked, "x" * 61441, says=["VALUE", "61440"])
        with open("/dev/zero", "rb") as endless:
            self.refused(2, "put", *SOMEWHERE, stdin=endless, says="65536")

    def test_a_forgotten_value(self):
        author = ["--identity", self.identity()]
        for command in (["put", *SOMEWHERE], ["publish", *author, *SOMEWHERE]):
            line = f"mydht {command[0]}: no VALUE was given; give it, or - for standard input\n"
            self.assertEqual(self.refused(2, *command), line)
            with support.terminal() as (_, theirs):
                self.assertEqual(self.refused(2, *command, stdin=theirs), line)

    def test_an_identity_file_without_its_option(self):
        self.refused(2, "id", "me.identity", says="--identity 'me.identity'")

    def test_standard_input_that_cannot_be_read(self):
        with open(self.folder / "output", "wb") as only_for_writing:
            self.refused(2, "put", *SOMEWHERE, stdin=only_for_writing, says="standard input")
        self.refused(2, "put", *SOMEWHERE, stdin=None, preexec_fn=lambda: os.close(0), says="standard input")


class NotAvailableYet(support.Case):
    def test_says_so(self):
        self.refused(2, "bench", "anything", says="not available yet")
        listed = self.succeeds("--help").decode()
        self.assertIn("not available yet", self.succeeds("bench", "--help").decode())
        self.assertNotIn("\n  bench ", listed)
        self.refused(2, "get", *SOMEWHERE, "--mode", "tunnelled:3", KEY, says=["'tunnelled:3'", "not available yet"])
        for mode in ("mixed:0", "mixed:255", "mixed:", "directly"):
            self.refused(2, "get", *SOMEWHERE, "--mode", mode, KEY, says=[f"'{mode}'", "no mode"])
        self.refused(2, "get", *SOMEWHERE, "--mode", "mixed:17", KEY, says=["mixed:17", "--hops"])
        self.refused(2, "get", *SOMEWHERE, "--mode", "direct", KEY, says=["--mode direct", "--listen"])
        for where in ("udp://0.0.0.0:0", "udp://localhost:0"):
            self.refused(2, "get", *SOMEWHERE, "--mode", "direct", "--listen", where, KEY, says=[f"'{where}'", "number"])
        self.refused(2, "get", *SOMEWHERE, "--listen", "udp://127.0.0.1:0", KEY, says=["--listen", "--mode direct"])
        self.refused(2, "get", *SOMEWHERE, "--mode", "proxied", "--results", "17", KEY, says=["--results", "'17'"])
        self.refused(2, "get", *SOMEWHERE, "--mode", "quick", KEY, says=["'quick'", "no mode"])
        self.refused(2, "get", *SOMEWHERE, "--mode", "mixed:x", KEY, says="no mode")
        for option in ("--hops", "--fanout"):
            self.refused(2, "get", *SOMEWHERE, option, "3", KEY, says=[option, "--mode proxied"])
            self.refused(2, "put", *SOMEWHERE, "--mode", "iterative", option, "3", "x", says=[option, "--mode proxied"])
            for number in ("0", "200", "many", "-1"):
                self.refused(2, "get", *SOMEWHERE, "--mode", "proxied", option, number, KEY, says=f"'{number}'")
            for number in ("0", "33", "999"):
                self.refused(2, "get", *SOMEWHERE, "--mode", "proxied", "--hops", number, KEY, says=[f"'{number}'", "1 to 32"])
        self.refused(2, "get", *SOMEWHERE, "--hide", "--results", "2", KEY, says=["--hide", "--results"])
        self.refused(2, "request", *SOMEWHERE, "--results", "2", KEY, "echo/1", "x", says=["--results", "--key"])
        self.refused(2, "lookup", *SOMEWHERE, "--mode", "direct", KEY, says=["--mode direct", "--listen"])
        self.refused(2, "node", "--codec", "xml", says=["'xml'", "no codec", "capnp, ", "json"])
        self.refused(2, "node", "--store", self.folder / "values.db", says="not available yet")


if __name__ == "__main__":
    support.main()
