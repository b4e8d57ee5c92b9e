#!/usr/bin/env python3
"""`mydht node`: the ready line, stopping, what it does without its bootstrap, and addresses that it cannot have."""

import json
import os
import signal
import socket
import subprocess
import unittest

import support

LOOPBACK = r"udp://127\.0\.0\.1:[1-9]\d*"
OVER_TCP = r"tcp://127\.0\.0\.1:[1-9]\d*"


class Ready(support.Case):
    def test_one_line_with_the_id_and_the_address(self):
        node = self.node()
        self.assertRegex(node.ready_line, rf"^ready [0-9a-f]{{64}} {LOOPBACK}\n$")
        self.assertEqual(node.stop(), (0, b""))
        self.assertEqual(node.logged(), "")

    def test_every_listener_is_named(self):
        node = self.node("--listen", "udp://127.0.0.1:0", "--listen", "tcp://127.0.0.1:0", "--listen", "tcp://127.0.0.1:0")
        self.assertRegex(node.ready_line, rf"^ready [0-9a-f]{{64}} {LOOPBACK} {OVER_TCP} {OVER_TCP}\n$")
        self.assertEqual(len(set(node.addresses)), 3)
        for address in node.addresses:
            self.assertIn(node.id, self.succeeds("ping", *support.PATIENCE, address).decode())

    def test_a_wildcard_is_never_shown(self):
        for everywhere in ("udp://0.0.0.0:0", "tcp://0.0.0.0:0"):
            node = self.node("--listen", everywhere)
            self.assertNotIn("0.0.0.0", node.ready_line)
            self.succeeds("ping", *support.PATIENCE, node.address)

    def test_json(self):
        process = self.node("--json", wait=False).process
        ready = json.loads(process.stdout.readline())
        self.assertEqual(ready["event"], "ready")
        self.assertRegex(ready["id"], "^[0-9a-f]{64}$")
        self.assertRegex(ready["addresses"][0], f"^{LOOPBACK}$")

    def test_an_identity_stays_and_without_one_each_start_is_another_node(self):
        identity = self.identity("node.identity")
        expected = self.succeeds("id", "--identity", identity).decode().split()[1]
        for _ in range(2):
            node = self.node("--identity", identity)
            self.assertEqual(node.id, expected)
            node.stop()
        self.assertNotEqual(self.node().id, self.node().id)


class Stopping(support.Case):
    def test_signals(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            self.assertEqual(self.node().stop(number), (0, b""))

    def test_with_peers(self):
        for node in self.network(4):
            self.assertEqual(node.stop(), (0, b""))

    def test_during_the_start(self):
        with support.silent_address() as silent:
            node = self.node("--bootstrap", silent, "--log-level", "info", wait=False)
            support.wait_for_log(node, "starting")
            self.assertEqual(node.stop(), (0, b""))

    def test_nobody_reads_standard_output(self):
        node = self.node("--log-level", "info", wait=False)
        node.process.stdout.close()
        support.wait_for_log(node, "standard output")
        node.process.terminate()
        self.assertEqual(node.process.wait(support.COMMAND_SECONDS), 0)

    def test_standard_streams_that_are_closed(self):
        with open(self.folder / "log", "wb") as log:
            process = subprocess.Popen([support.MYDHT, "node", "--log-level", "info"], stderr=log,
                                       preexec_fn=lambda: (os.close(0), os.close(1)))
        self.addCleanup(process.kill)
        support.wait_for_line(process, self.folder / "log", "standard output")
        process.terminate()
        self.assertEqual(process.wait(support.COMMAND_SECONDS), 0)


class Bootstrap(support.Case):
    def test_one_that_is_not_there_is_a_warning(self):
        with support.dead_address() as dead:
            node = self.node("--bootstrap", dead)
            self.assertRegex(node.ready_line, rf"^ready [0-9a-f]{{64}} {LOOPBACK}\n$")
            self.assertIn(dead, node.logged())
            self.assertEqual(node.stop(), (0, b""))

    def test_it_is_tried_again(self):
        first = self.node()
        address = first.address
        self.assertEqual(first.stop(), (0, b""))
        node = self.node("--bootstrap", address, "--log-level", "info")
        again = self.node("--listen", address)
        support.wait_for_log(node, "joined")
        found = self.succeeds("lookup", *support.PATIENCE, "--bootstrap", node.address, again.id).decode()
        self.assertIn(again.id, found)

    def test_one_that_never_answers_delays_the_ready_line_no_longer_than_told(self):
        with support.silent_address() as silent:
            self.assertTrue(self.node("--bootstrap", silent, "--timeout", "500ms").ready_line)

    def test_the_table_brings_a_node_back_without_a_bootstrap(self):
        first = self.node()
        table = self.folder / "contacts.table"
        node = self.node("--bootstrap", first.address, "--table", table)
        self.assertEqual(node.stop(), (0, b""))
        self.assertTrue(table.stat().st_size > 0)
        node = self.node("--table", table)
        found = self.succeeds("lookup", *support.PATIENCE, "--bootstrap", node.address, first.id).decode()
        self.assertIn(first.id, found)

    def test_a_damaged_table_is_replaced(self):
        table = self.folder / "contacts.table"
        table.write_bytes(b"mydhttbl no table")
        node = self.node("--table", table, "--bootstrap", self.node().address)
        self.assertIn(str(table), node.logged())
        self.assertEqual(node.stop(), (0, b""))
        self.assertNotIn(b"no table", table.read_bytes())

    def test_a_file_that_is_no_table_is_left_alone(self):
        identity = self.folder / "me.identity"
        self.succeeds("keygen", "--out", identity)
        before = identity.read_bytes()
        self.refused(2, "node", "--identity", identity, "--table", identity, says=str(identity))
        self.assertEqual(identity.read_bytes(), before)
        self.refused(2, "node", "--table", "/dev/null", says="/dev/null")

    def test_a_table_that_cannot_be_written(self):
        self.refused(2, "node", "--table", self.folder / "no" / "folder", says="no/folder")
        self.refused(2, "node", "--table", self.folder, says=str(self.folder))


class Listening(support.Case):
    def test_a_port_in_use(self):
        node = self.node()
        self.refused(1, "node", "--listen", node.address, says=[node.address, "another port"])
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
            self.refused(1, "node", "--listen", address, says=address)
            several = ["--listen", "tcp://127.0.0.1:0", "--listen", address, "--listen", "udp://127.0.0.1:0"]
            self.refused(1, "node", *several, says=f"cannot listen at {address}: ")

    def test_an_address_given_twice(self):
        self.refused(2, "node", *["--listen", "udp://127.0.0.1:4000"] * 2, says=["udp://127.0.0.1:4000", "duplicate"])

    def test_an_address_of_another_machine(self):
        self.refused(1, "node", "--listen", "tcp://192.0.2.1:0", says=["tcp://192.0.2.1:0", "this machine"])

    @unittest.skipIf(os.geteuid() == 0, "root may listen anywhere")
    def test_a_port_of_the_system(self):
        self.refused(1, "node", "--listen", "tcp://127.0.0.1:1", says="tcp://127.0.0.1:1")

    def test_a_name_that_does_not_exist(self):
        self.refused(1, "node", "--listen", "tcp://no-such-host.invalid:0", says="no-such-host.invalid")


if __name__ == "__main__":
    support.main()
