#!/usr/bin/env python3
"""Rules for queries that travel: presets and files, and what is wrong with them."""

import json
import pathlib
import signal
import subprocess

import support

KEY = "ab" * 32
SOMEWHERE = ["--bootstrap", "udp://127.0.0.1:4000"]
PROXIED = ["--mode", "proxied"]
REACHABLE = ["--listen", "udp://127.0.0.1:0"]
EXAMPLE = pathlib.Path(__file__).parents[2] / "examples" / "rules.toml"


class Rules(support.Case):
    def file(self, text):
        path = self.folder / "my.toml"
        path.write_text(text)
        return path

    def test_values_travel_under_presets_and_files(self):
        for rules in ("small-group", "dht", "quiet-asker", EXAMPLE):
            nodes = self.network(3, "--rules", rules)
            way = ["--bootstrap", nodes[0].address, "--rules", rules, *PROXIED, *support.PATIENCE]
            key = self.succeeds("put", *way, f"under {rules}").decode().strip()
            way[1] = nodes[2].address
            if rules == "quiet-asker":
                way += REACHABLE
            self.assertEqual(self.succeeds("get", *way, key), f"under {rules}".encode())
            for node in nodes:
                self.assertEqual(node.stop()[0], 0)

    def test_what_is_wrong_with_a_file_is_one_line_that_names_it(self):
        for text, says in (
            ("priority = 1\nprioritee = 2", [":2: ", '"prioritee"', "the fields are"]),
            ("[[band]]\nlifetime_max = 5", [":2: ", "lifetime_max", 'write "5 s"']),
            ("[[band]]\nlifetime_max = \"5\"", [":2: ", "lifetime_max", 'write "5 s"']),
            ("[[band]]\nlifetime_max = \"5 parsecs\"", [":2: ", "lifetime_max", "5 parsecs"]),
            ("[[band]]\nhops_max = 12\nhops = 20", [":3: ", "hops", "hops_max, which is 12"]),
            ("priority = 300", [":1: ", "priority", "0 to 255"]),
            ("priority = high", [":1: ", "no TOML"]),
            ("preset = \"tiny\"", [":1: ", "small-group"]),
        ):
            path = self.file(text)
            for command in (["node"], ["get", *SOMEWHERE, *PROXIED, KEY], ["put", *SOMEWHERE, *PROXIED, "x"]):
                self.refused(2, *command, "--rules", path, says=["--rules", str(path), *says])

    def test_hidden_gets(self):
        nodes = self.network(4)
        way = ["--bootstrap", nodes[0].address, *support.PATIENCE]
        key = self.succeeds("put", *way, *PROXIED, "asked for in secret").decode().strip()
        way[1] = nodes[3].address
        # First: a hidden get comes and goes as a full peer, and one that has gone is silent for those behind it.
        self.refused(3, "get", *way, "--hide", *REACHABLE, KEY, says="none has it")
        for how in (["--hide"], ["--hide", *PROXIED], ["--rules", "quiet-asker"]):
            self.assertEqual(self.succeeds("get", *way, *how, *REACHABLE, key), b"asked for in secret", how)

    def test_a_hidden_get_takes_part_as_a_full_peer(self):
        for how in (["--hide"], ["--rules", "quiet-asker"]):
            self.refused(2, "get", *SOMEWHERE, *how, KEY, says=[how[0], "--listen"])
        self.refused(2, "get", *SOMEWHERE, *REACHABLE, KEY, says=["--listen", "--hide"])
        # One peer is silent, so that the get goes on for a while.
        node, silent = self.network(2)
        silent.process.send_signal(signal.SIGSTOP)
        asks = subprocess.Popen([support.MYDHT, "get", "--bootstrap", node.address, "--hide", *REACHABLE, *support.PATIENCE, KEY],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            # Clients enter nobody's table.
            known = set()
            while not known - {node.id, silent.id} and asks.poll() is None:
                found = self.succeeds("lookup", "--bootstrap", node.address, *support.PATIENCE, "--json", KEY)
                known = {json.loads(line)["id"] for line in found.splitlines()}
            self.assertTrue(known - {node.id, silent.id})
        finally:
            silent.process.send_signal(signal.SIGCONT)
            asks.kill()
            asks.wait()

    def test_what_would_show_who_asks(self):
        for how in (["--hide"], ["--rules", "quiet-asker"]):
            for mode in ("iterative", "direct", "mixed:2"):
                self.refused(2, "get", *SOMEWHERE, *how, "--mode", mode, KEY, says=[how[0], "--mode"])
            for option in ("--hops", "--fanout", "--rounds"):
                self.refused(2, "get", *SOMEWHERE, *how, option, "3", KEY, says=[how[0], option])
        self.refused(2, "put", *SOMEWHERE, "--hide", "x", says="--hide")

    def test_rounds_are_for_gets_that_are_begun_again(self):
        for mode in ([], ["--mode", "iterative"], ["--mode", "direct", "--listen", "udp://127.0.0.1:0"]):
            self.refused(2, "get", *SOMEWHERE, *mode, "--rounds", "2", KEY, says="--rounds")
        self.refused(2, "get", *SOMEWHERE, *PROXIED, "--rounds", "0", KEY, says=["--rounds", "1 to 255"])
        nodes = self.network(2)
        way = ["--bootstrap", nodes[0].address, *PROXIED, *support.PATIENCE]
        for rounds in ("1", "2"):
            asked = support.mydht("trace", *way, "--json", "--rounds", rounds, KEY)
            self.assertEqual(asked.returncode, 3, asked.stderr)
            seen = {step["round"] for step in json.loads(asked.stdout)["steps"]}
            self.assertEqual(len(seen), int(rounds))

    def test_the_example_has_every_field(self):
        text = EXAMPLE.read_text()
        for wrong in ("no_field = 1", "[relays]\nno_field = 1", "[[band]]\nno_field = 1"):
            said = self.refused(2, "get", *SOMEWHERE, "--rules", self.file(wrong), KEY, says="the fields are")
            for name in said.split("the fields are ")[1].split():
                self.assertIn(name.strip(",."), text)

    def test_files_that_are_none(self):
        self.refused(2, "node", "--rules", "large-group", says=["--rules", "'large-group'", "small-group"])
        self.refused(2, "node", "--rules", self.folder, says=["--rules", str(self.folder)])
        self.refused(2, "node", "--rules", "", says="--rules")

    def test_options_that_the_rules_do_not_allow(self):
        path = self.file("[[band]]\nhops = 4\nhops_max = 4\nfan_out_max = 5")
        for option, most in (("--hops", 4), ("--fanout", 5)):
            self.refused(2, "get", *SOMEWHERE, *PROXIED, "--rules", path, option, str(most + 1), KEY,
                         says=[option, f"'{most + 1}'", f"1 to {most}"])
        self.refused(2, "get", *SOMEWHERE, *PROXIED, "--hops", "33", KEY, says=["--hops", "'33'", "1 to 32"])


if __name__ == "__main__":
    support.main()
