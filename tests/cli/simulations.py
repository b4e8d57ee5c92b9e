#!/usr/bin/env python3
"""mydht sim: networks in virtual time."""

import json

import support


class Modes(support.Case):
    def rows(self, *options):
        lines = self.succeeds("sim", "modes", "--json", *options).decode().splitlines()
        return [json.loads(line) for line in lines]

    def test_a_ring_shows_what_passing_on_is_for(self):
        put, *gets = self.rows("--nodes", "30", "--values", "20", "--links", "ring")
        self.assertEqual((put["query"], put["asked"], put["succeeded"]), ("put", 20, 20))
        found = {get["mode"]: get["succeeded"] for get in gets}
        self.assertGreaterEqual(found["proxied"], 19)
        self.assertLess(found["iterative"], 10)
        for get in gets:
            self.assertEqual((get["topology"], get["nodes"], get["asked"]), ("ring", 30, 20))
            self.assertGreater(get["messages"], 0)

    def test_the_same_seed_gives_the_same_table(self):
        options = ("sim", "modes", "--nodes", "20", "--values", "5")
        first = self.succeeds(*options, "--seed", "3")
        self.assertEqual(first, self.succeeds(*options, "--seed", "3"))
        self.assertNotEqual(first, self.succeeds(*options, "--seed", "4"))
        title, heads, *rows = first.decode().splitlines()
        self.assertEqual(title, "20 nodes, everybody, 5 values, seed 3")
        self.assertIn("messages", heads)
        self.assertEqual(rows[0].split()[:2], ["put", "proxied"])
        self.assertEqual([row.split()[0] for row in rows[1:]], ["get"] * (len(rows) - 1))

    def test_modes_and_hops_are_chosen(self):
        near = ("--nodes", "20", "--values", "5", "--links", "ring", "--mode", "proxied", "--mode", "mixed:1")
        put, *gets = self.rows(*near)
        self.assertEqual([get["mode"] for get in gets], ["proxied", "mixed:1"])
        few = self.rows(*near, "--hops", "1")
        self.assertLess(few[1]["messages"], gets[0]["messages"])

    def test_wrong_arguments(self):
        for number in ("0", "33"):
            self.refused(2, "sim", "modes", "--hops", number, says=[f"'{number}'", "1 to 32"])
        self.refused(2, "sim", "modes", "--hops", "2", "--mode", "mixed:3", says=["mixed:3", "--hops"])
        self.refused(2, "sim", "modes", "--mode", "quick", says=["'quick'", "no mode"])
        self.refused(2, "sim", says="SCENARIO")
        self.refused(2, "sim", "weather", says=["'weather'", "give modes"])
        self.refused(2, "sim", "modes", "--nodes", "7", says=["'7'", "8 to"])
        self.refused(2, "sim", "modes", "--values", "0", says="'0'")
        self.refused(2, "sim", "modes", "--seed", "-1", says="'-1'")
        self.refused(2, "sim", "modes", "--links", "star", says=["'star'", "four-links"])


if __name__ == "__main__":
    support.main()
