#!/usr/bin/env python3
"""mydht codec show, and that what docs/wire-format.md quotes of it is what it prints."""

import json
import re

import support

PAGE = support.TOP / "docs" / "wire-format.md"
KINDS = ["ping", "find_node", "find_value", "store", "forward", "deliver", "cancel", "pong", "nodes", "values", "stored", "gathered",
         "delivered", "error"]
CODECS = ["capnp", "capnp-packed", "json", "cbor", "bencode", "protobuf"]
OPTIONAL = "protobuf"


def quoted(page):
    """(arguments, output) of each block that begins with a call of the command."""
    found = re.findall(r"^```\n\$ mydht (codec [^\n]*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return [(call.split(), output) for call, output in found]


class Show(support.Case):
    def shown(self, *arguments):
        return [json.loads(line) for line in self.succeeds("codec", "show", "--json", *arguments).splitlines()]

    def codecs(self):
        """Those of this build."""
        return [one["codec"] for one in self.shown("ping")]

    def stale(self, page):
        """The quotations in which something else stands than what the command prints, and how many there are in all."""
        known = self.codecs()
        calls = [(call, output) for call, output in quoted(page) if OPTIONAL in known or OPTIONAL not in output]
        wrong = [call for call, output in calls if self.succeeds(*call).decode() != output]
        return wrong, len(calls)

    def test_the_page_quotes_what_the_command_prints(self):
        page = PAGE.read_text(encoding="utf-8")
        wrong, count = self.stale(page)
        self.assertEqual(wrong, [], "copy what the command prints to docs/wire-format.md")
        self.assertGreaterEqual(count, 5)
        for codec in self.codecs():
            self.assertIn(f"$ mydht codec show nodes --codec {codec}\n", page)

    def test_a_changed_quotation_is_noticed(self):
        page = PAGE.read_text(encoding="utf-8")
        changed = page.replace('"capabilities":1', '"capabilities":2')
        self.assertEqual(self.stale(changed)[0], [["codec", "show", "nodes", "--codec", "json"]])

    def test_codecs_and_kinds(self):
        known = self.codecs()
        self.assertEqual(known, [codec for codec in CODECS if codec != OPTIONAL or codec in known])
        everything = self.shown()
        self.assertEqual([(one["kind"], one["codec"]) for one in everything], [(k, c) for k in KINDS for c in known])
        for one in everything:
            self.assertEqual(len(bytes.fromhex(one["hex"])), one["bytes"])
            self.assertEqual("text" in one, one["codec"] == "json")

    def test_the_example_is_of_its_kind(self):
        for one in self.shown("--codec", "json"):
            message = json.loads(one["text"])
            self.assertEqual(bytes.fromhex(one["hex"]).decode(), one["text"])
            self.assertEqual(list(message), ["id", "version", "role", "body"])
            self.assertEqual(list(message["body"]), [one["kind"]])

    def test_text_and_dump_have_the_same_bytes(self):
        for codec in self.codecs():
            with_json, = self.shown("values", "--codec", codec)
            title, *lines = self.succeeds("codec", "show", "values", "--codec", codec).decode().splitlines()
            self.assertEqual(title, f"values in {codec}, {with_json['bytes']} bytes:")
            if codec == "json":
                self.assertEqual(lines, [with_json["text"]])
                continue
            self.assertEqual("".join(line[4:56].replace(" ", "") for line in lines), with_json["hex"])
            for number, line in enumerate(lines):
                self.assertEqual(int(line[:4], 16), 16 * number)
                data = bytes.fromhex(line[4:56])
                self.assertEqual(line[56:], "|" + "".join(chr(c) if 32 <= c < 127 else "." for c in data) + "|")

    def test_sizes(self):
        head, *rows = [line.split() for line in self.succeeds("codec", "show").decode().splitlines()]
        self.assertEqual(head, ["bytes", *self.codecs()])
        sizes = {(row[0], codec): int(size) for row in rows for codec, size in zip(head[1:], row[1:], strict=True)}
        self.assertEqual(sizes, {(one["kind"], one["codec"]): one["bytes"] for one in self.shown()})
        one_column = self.succeeds("codec", "show", "--codec", "cbor").decode().splitlines()
        self.assertEqual([line.split() for line in one_column],
                         [["bytes", "cbor"]] + [[kind, str(sizes[kind, "cbor"])] for kind in KINDS])

    def test_wrong_arguments(self):
        self.refused(2, "codec", says=["give show"])
        self.refused(2, "codec", "list", says=["'list'", "give show"])
        self.refused(2, "codec", "show", "nodez", says=["KIND", "'nodez'", *KINDS])
        self.refused(2, "codec", "show", "ping", "pong", says="pong")
        self.refused(2, "codec", "show", "ping", "--codec", "xml", says=["'xml'", "no codec", *self.codecs()])
        if OPTIONAL not in self.codecs():
            self.refused(2, "codec", "show", "--codec", OPTIONAL, says=[f"'{OPTIONAL}' is no codec of this build", *self.codecs()])


if __name__ == "__main__":
    support.main()
