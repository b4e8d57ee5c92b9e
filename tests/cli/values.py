#!/usr/bin/env python3
"""Values through a network of real processes: put, get, publish, resolve, lookup, ping, and what their errors are."""

import base64
import json
import os
import signal
import socket
import subprocess
import time

import support

MISSING = "0123456789abcdef" * 4


class Values(support.Case):
    def setUp(self):
        super().setUp()
        self.nodes = self.network(4)

    def through(self, number):
        return ["--bootstrap", self.nodes[number % len(self.nodes)].address, *support.PATIENCE]

    def put(self, number, *arguments, **options):
        key = self.succeeds("put", *self.through(number), *arguments, **options).decode()
        self.assertRegex(key, "^[0-9a-f]{64}\n$")
        return key.strip()

    def test_byte_for_byte(self):
        every_byte = bytes(range(256))
        for number, content in enumerate((b"", b"\0", b"no end of line", b"an end of line\n", every_byte,
                                          (every_byte * 256)[:65535], every_byte * 256)):
            key = self.put(number, "-", content=content)
            self.assertEqual(self.succeeds("get", *self.through(number + 1), key), content)
            if content:
                self.assertEqual(self.put(number + 2, content=content), key)

    def test_a_terminal_gets_a_new_line_behind_the_value(self):
        key = self.put(0, "hello")
        for command in ("get", "resolve"):
            with support.terminal() as (ours, theirs):
                self.succeeds(command, *self.through(1), key, stdout=theirs)
                # The terminal writes the end of a line as two bytes.
                self.assertEqual(os.read(ours, 100), b"hello\r\n")
            self.assertEqual(self.succeeds(command, *self.through(1), key), b"hello")

    def test_arguments_are_taken_as_they_are(self):
        for text in (b"hello", b"", b"[a,b]", b"get", b"--", b"-5", b"--really", b"--json", b"a=b", b"'quoted'", b"%d {} \\n", b" ",
                     b"\xff\xfe", "ä€𝄞".encode()):
            key = self.put(0, "--", text)
            self.assertEqual(self.succeeds("get", *self.through(1), key), text)

    def test_queries_that_travel(self):
        key = self.put(0, "--mode", "proxied", "passed on")
        self.assertEqual(self.succeeds("get", *self.through(1), "--mode", "proxied", "--hops", "4", "--fanout", "3", key), b"passed on")
        self.refused(3, "get", *self.through(2), "--mode", "proxied", MISSING, says=MISSING)
        for mode in (["direct", "--listen", "udp://127.0.0.1:0"], ["direct", "--listen", "tcp://127.0.0.1:0"], ["mixed:1"]):
            found = self.succeeds("get", *self.through(1), "--mode", *mode, "--results", "3", key)
            self.assertEqual(found, b"passed on")
            self.refused(3, "get", *self.through(2), "--mode", *mode, MISSING, says=MISSING)
            self.put(0, "--mode", *mode, "brought by " + mode[0])

    def test_an_address_at_which_nobody_sees_the_asker(self):
        try:
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as there:
                there.bind(("::1", 0))
        except OSError:
            self.skipTest("no IPv6 here")
        key = self.put(0, "brought nowhere")
        self.refused(1, "get", *self.through(1), "--mode", "direct", "--listen", "udp://[::1]:0", key,
                     says=["--listen udp://[::1]:0", "--bootstrap"])

    def test_requests_to_services(self):
        echo = self.node("--bootstrap", self.nodes[0].address, "--echo")
        for mode in ([], ["--mode", "proxied"], ["--mode", "mixed:1"], ["--mode", "direct", "--listen", "udp://127.0.0.1:0"]):
            for content in (b"hello", b"", bytes(range(256)) * 240):
                self.assertEqual(self.succeeds("request", *self.through(1), *mode, echo.id, "echo/1", "-", content=content), content)
        reply = json.loads(self.succeeds("request", *self.through(2), "--mode", "proxied", "--json", "--key", MISSING, "echo/1", "by key"))
        self.assertEqual(base64.b64decode(reply["reply_base64"]), b"by key")
        self.assertEqual(reply["id"], echo.id)
        self.refused(1, "request", *self.through(1), "--mode", "proxied", echo.id, "none/1", "x", says="no service")
        self.refused(3, "request", *self.through(1), "--mode", "proxied", "--key", MISSING, "none/1", "x", says=MISSING)
        self.refused(3, "request", *self.through(1), "--mode", "proxied", "--key", MISSING, "none/1", "x", says="serves that name")
        self.refused(3, "request", *self.through(1), "--mode", "proxied", MISSING, "echo/1", "x", says="knows that node")
        twice = self.succeeds("request", *self.through(1), "--mode", "proxied", "--key", "--results", "2", "--json", MISSING, "echo/1", "x")
        self.assertEqual({json.loads(line)["id"] for line in twice.splitlines()}, {echo.id})
        self.refused(2, "request", *self.through(1), echo.id, "no name", "x", says="no name of a service")
        self.refused(2, "request", *self.through(1), "--mode", "proxied", echo.id, "echo/1", "-", content=b"x" * 61441, says=["VALUE", "61440"])

    def trace(self, code, *arguments):
        """The trace as it is in JSON, of a command that ends with this code; the tree has as many steps."""
        command = ["trace", *self.through(1), *arguments]
        text = support.mydht(*command)
        self.assertEqual(text.returncode, code, text.stderr)
        for line in text.stdout.decode().splitlines():
            self.assertLessEqual(len(line), 100)
        done = support.mydht(*command, "--json")
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stderr == b"", code == 0)
        return json.loads(done.stdout)

    def test_traces(self):
        key = self.put(0, "--mode", "proxied", "traced")
        ids = {node.id for node in self.nodes}
        for mode in (["iterative"], ["proxied"], ["direct", "--listen", "udp://127.0.0.1:0"], ["mixed:1"]):
            seen = self.trace(0, "--mode", *mode, key)
            self.assertEqual((seen["target"], seen["mode"], seen["found"]), (key, mode[0], True))
            outcomes = [step["outcome"] for step in seen["steps"]]
            self.assertTrue(any(step["results"] + step["delivered"] for step in seen["steps"]), seen)
            self.assertLessEqual({step["peer"] for step in seen["steps"]}, ids)
            for step in seen["steps"]:
                self.assertLessEqual(step["sent_ms"], step.get("ended_ms", step["sent_ms"]))
                self.assertLess(step.get("named_by", -1), len(outcomes))
            missing = self.trace(3, "--mode", *mode, MISSING)
            self.assertFalse(missing["found"])
            self.assertTrue(missing["steps"])
        tree = self.succeeds("trace", *self.through(1), key).decode().splitlines()
        self.assertRegex(tree[0], rf"^{key[:8]}, iterative: found after \d+\.\d ms, \d+ asked, \d+ answered")
        self.assertRegex(tree[2], r"^ +\d+\.\d +\d+\.\d  \|- [0-9a-f]{8}  .*  udp://127\.0\.0\.1:\d+$")
        for how in ([], ["--mode", "proxied"]):
            self.assertEqual(self.trace(0, "--rules", "quiet-asker", "--listen", "udp://127.0.0.1:0", *how, key)["mode"], "hidden")
        self.refused(2, "trace", *self.through(0), "--hide", key, says=["--hide", "mydht get"])

    def test_traces_of_peers(self):
        for mode in ("iterative", "proxied"):
            self.assertTrue(self.trace(0, "--mode", mode, "--peer", self.nodes[3].id)["found"])
            self.trace(3, "--mode", mode, "--peer", MISSING)
        # Nobody hides who looks for a peer, whatever the rules say of values.
        quiet = self.trace(0, "--rules", "quiet-asker", "--mode", "mixed:1", "--peer", self.nodes[3].id)
        self.assertEqual(quiet["mode"], "mixed:1")
        self.refused(2, "trace", *self.through(0), "--peer", "--hide", MISSING, says="--hide")
        missing = support.mydht("trace", *self.through(0), "--peer", MISSING).stderr.decode()
        self.assertIn("check the id", missing)
        self.assertNotIn("value", missing)
        whole = self.succeeds("trace", *self.through(0), "--long", "--peer", self.nodes[3].id).decode()
        self.assertTrue(whole.startswith(self.nodes[3].id + ", "))
        self.assertRegex(whole.splitlines()[2], r"\|- [0-9a-f]{64}  ")

    def test_lookups_that_travel(self):
        for mode in (["proxied"], ["direct", "--listen", "udp://127.0.0.1:0"]):
            found = self.succeeds("lookup", *self.through(1), "--mode", *mode, self.nodes[3].id).decode()
            self.assertEqual(found, f"{self.nodes[3].id} {' '.join(self.nodes[3].addresses)}\n")
            self.refused(3, "lookup", *self.through(1), "--mode", *mode, MISSING, says="check the id")

    def test_a_trace_that_nobody_could_be_asked_for(self):
        with support.dead_address() as dead:
            self.refused(1, "trace", "--bootstrap", dead, *support.PATIENCE, MISSING, says="cannot reach bootstrap")

    def test_json(self):
        content = bytes(range(256))
        stored = json.loads(self.succeeds("put", *self.through(0), "--json", "-", content=content))
        self.assertEqual(stored["stored"], 4)
        found = json.loads(self.succeeds("get", *self.through(1), "--json", stored["key"]))
        self.assertEqual(base64.b64decode(found["value_base64"], validate=True), content)
        self.assertEqual(found["key"], stored["key"])
        self.assertGreaterEqual(found["copies"], 1)

    def test_a_lifetime(self):
        def left(key):
            found = json.loads(self.succeeds("get", *self.through(1), "--json", key))
            return found["deadline_unix_ms"]
        short, usual = self.put(0, "--ttl", "30m", "short"), self.put(0, "usual")
        self.assertAlmostEqual(left(usual) - left(short), 23.5 * 3600 * 1000, delta=60_000)

    def test_a_missing_key(self):
        self.refused(3, "get", *self.through(0), MISSING, says=[MISSING, "none has it"])
        self.refused(3, "get", *self.through(0), "--json", MISSING, says=MISSING)
        self.refused(3, "resolve", *self.through(0), MISSING, says=MISSING)
        self.refused(3, "resolve", *self.through(0), "--author", MISSING, says="none has it")

    def test_publish_and_resolve(self):
        identity = self.identity()
        author = self.succeeds("id", "--identity", identity).decode().split()[3]
        mine = ["publish", "--identity", identity]
        key = self.succeeds(*mine, *self.through(0), "first").decode().strip()

        def newest(*what):
            return self.succeeds("resolve", *self.through(3), *what)
        self.assertEqual(newest(key), b"first")
        self.assertEqual(self.succeeds(*mine, *self.through(1), "second").decode().strip(), key)
        self.assertEqual(newest("--author", author), b"second")
        self.assertEqual(self.succeeds("get", *self.through(2), key), b"second")

        salted = self.succeeds(*mine, *self.through(2), "--salt", "notes", "-", content=b"\0other").decode().strip()
        self.assertNotEqual(salted, key)
        self.assertEqual(newest("--author", author, "--salt", "notes"), b"\0other")
        self.assertEqual(newest(key), b"second")

        found = json.loads(newest("--json", key))
        self.assertEqual((found["author"], found["sequence"]), (author, 2))

    def test_sequence_numbers(self):
        mine = ["publish", "--identity", self.identity()]
        key = self.succeeds(*mine, *self.through(0), "--seq", "10", "ten").decode().strip()
        self.refused(1, *mine, *self.through(1), "--seq", "9", "nine", says=[key, "higher"])
        self.refused(1, *mine, *self.through(1), "--cas", "9", "lost", says=[key, "mydht resolve --json", '"sequence"', "--cas"])
        stored = json.loads(self.succeeds(*mine, *self.through(1), "--json", "--cas", "10", "eleven"))
        self.assertEqual((stored["key"], stored["sequence"]), (key, 11))
        self.assertEqual(self.succeeds("resolve", *self.through(2), key), b"eleven")

    def test_retract(self):
        author = ["--identity", self.identity()]
        key, notes = (self.succeeds("publish", *author, *self.through(0), *salt, "--seq", "5", "x").decode().strip()
                      for salt in ([], ["--salt", "notes"]))
        self.refused(1, "retract", *author, *self.through(1), "--cas", "7", says=[key, "--cas"])
        self.refused(1, "retract", *author, *self.through(1), "--seq", "4", says=[key, "higher"])
        self.assertEqual(self.succeeds("resolve", *self.through(2), key), b"x")
        gone = json.loads(self.succeeds("retract", *author, *self.through(1), "--json", "--cas", "5"))
        self.assertEqual((gone["key"], gone["sequence"]), (key, 6))
        for command in ("resolve", "get"):
            self.refused(3, command, *self.through(2), key, says=[key, "author has taken the value back"])
        for mode in (["iterative"], ["proxied"]):
            seen = self.trace(3, "--mode", *mode, key)
            self.assertEqual((seen["found"], seen["retracted"]), (False, True))
        self.assertEqual(self.succeeds("resolve", *self.through(2), notes), b"x")
        self.assertEqual(self.succeeds("retract", *author, *self.through(3), "--salt", "notes").decode().strip(), notes)
        self.refused(3, "resolve", *self.through(0), notes, says=notes)
        self.succeeds("publish", *author, *self.through(0), "again")
        self.assertEqual(self.succeeds("resolve", *self.through(3), key), b"again")

    def test_an_identity_that_only_signs(self):
        """The author may be a node at the same time: the client does not take its place."""
        identity = self.identity()
        node = self.node("--identity", identity, "--bootstrap", self.nodes[0].address)
        key = self.succeeds("publish", "--identity", identity, "--bootstrap", node.address, *support.PATIENCE, "me")
        self.assertEqual(self.succeeds("resolve", *self.through(1), key.decode().strip()), b"me")

    def test_lookup(self):
        target = self.nodes[2].id
        lines = self.succeeds("lookup", *self.through(0), target).decode().splitlines()
        ids = [line.split()[0] for line in lines]
        self.assertEqual(ids, sorted(ids, key=lambda one: int(one, 16) ^ int(target, 16)))
        self.assertEqual({line for line in lines}, {f"{node.id} {node.address}" for node in self.nodes})
        objects = [json.loads(line) for line in self.succeeds("lookup", *self.through(1), "--json", target).splitlines()]
        self.assertEqual([one["id"] for one in objects], ids)
        self.assertEqual(objects[0]["addresses"], [self.nodes[2].address])

    def test_several_bootstraps_of_which_one_is_dead(self):
        key = self.put(0, "hello")
        with support.dead_address() as dead:
            self.assertEqual(self.succeeds("get", "--bootstrap", dead, *self.through(1), key), b"hello")

    def test_a_name(self):
        port = self.nodes[0].address.rsplit(":", 1)[1]
        where = f"udp://localhost:{port}"
        self.assertIn(self.nodes[0].id, self.succeeds("ping", *support.PATIENCE, where).decode())
        self.succeeds("put", "--bootstrap", where, *support.PATIENCE, "hello")

    def test_killed_nodes(self):
        nodes = self.nodes + [self.node("--bootstrap", self.nodes[0].address) for _ in range(8)]
        self.nodes = nodes
        identity = self.identity()
        kept = {self.put(number, "-", content=os.urandom(1000)): number for number in range(6)}
        contents = {key: self.succeeds("get", *self.through(number + 5), key) for key, number in kept.items()}
        for text in ("old", "new"):
            mutable = self.succeeds("publish", "--identity", identity, *self.through(3), text).decode().strip()
        for node in nodes[::4]:
            node.process.kill()
            node.process.wait()
        self.nodes = [node for node in nodes if node.process.poll() is None]
        for number, (key, content) in enumerate(contents.items()):
            self.assertEqual(self.succeeds("get", *self.through(number), key), content)
        self.assertEqual(self.succeeds("resolve", *self.through(5), mutable), b"new")


class Ping(support.Case):
    def test_who_is_there(self):
        node = self.node()
        self.assertRegex(self.succeeds("ping", *support.PATIENCE, node.address).decode(),
                         rf"^{node.id} {node.address} \d+\.\d{{3}} ms\n$")
        seen = json.loads(self.succeeds("ping", *support.PATIENCE, "--json", node.address))
        self.assertEqual((seen["id"], seen["address"]), (node.id, node.address))
        self.assertGreater(seen["round_trip_ms"], 0)

    def test_a_pinned_identity(self):
        node = self.node()
        kind, host = node.address.split("://")
        self.succeeds("ping", *support.PATIENCE, f"{kind}://{node.id}@{host}")
        other = f"{kind}://{MISSING}@{host}"
        self.refused(1, "ping", *support.PATIENCE, other, says=[other, "another identity"])
        self.refused(1, "put", "--bootstrap", other, *support.PATIENCE, "x", says=[other, "another identity"])


# By datagrams and by streams.
EVERYWHERE = ["--listen", "udp://127.0.0.1:0", "--listen", "tcp://127.0.0.1:0"]


class OtherNetworks(support.Case):
    def test_names(self):
        node = self.node("--network", "here", *EVERYWHERE)
        datagrams, streams = node.addresses
        for address in node.addresses:
            self.succeeds("ping", *support.PATIENCE, "--network", "here", address)
        self.refused(1, "ping", *support.PATIENCE, streams, says=[streams, "--network"])
        self.refused(1, "get", "--bootstrap", streams, *support.PATIENCE, MISSING, says="--network")
        # Datagrams of strangers are not answered at all.
        self.refused(4, "ping", "--timeout", "1s", datagrams, says=[datagrams, "--network"])

    def test_keys(self):
        files = []
        for name, text in (("good", "ab" * 32 + "\n"), ("other", "cd" * 32), ("bad", "xyz"), ("long", "ab" * 33)):
            path = self.folder / name
            path.write_text(text)
            path.chmod(0o600)
            files.append(path)
        good, other, bad, long = files
        node = self.node("--psk", good, *EVERYWHERE)
        datagrams, streams = node.addresses
        for address in node.addresses:
            self.succeeds("ping", *support.PATIENCE, "--psk", good, address)
        self.refused(1, "ping", *support.PATIENCE, "--psk", other, streams, says="--psk")
        self.refused(1, "ping", *support.PATIENCE, streams, says="--psk")
        self.refused(4, "ping", "--timeout", "1s", "--psk", other, datagrams, says="--psk")
        for path in (bad, long):
            self.refused(2, "ping", "--psk", path, node.address, says=[str(path), "64 hexadecimal digits"])
        self.refused(2, "ping", "--psk", self.folder / "missing", node.address, says="missing")
        good.chmod(0o644)
        self.refused(2, "ping", "--psk", good, node.address, says=[str(good), "chmod 600"])


class Unreachable(support.Case):
    def questions(self, where, *options):
        identity = self.folder / "author.identity"
        if not identity.exists():
            self.identity()
        via = ["--bootstrap", where, *options]
        return (["put", *via, "x"], ["get", *via, MISSING], ["publish", "--identity", identity, *via, "x"],
                ["retract", "--identity", identity, *via], ["resolve", *via, MISSING],
                ["lookup", *via, MISSING], ["ping", *options, where])

    def test_nobody_listens(self):
        with support.dead_address() as dead:
            for question in self.questions(dead):
                self.refused(1, *question, says=[dead, "nobody listens", "start a node"])

    def test_silence_until_the_deadline(self):
        with support.silent_address() as silent:
            for question in self.questions(silent, "--timeout", "400ms"):
                self.refused(4, *question, says=[silent, "--timeout"])

    def test_silence_lasts_as_long_as_was_asked_for(self):
        # Ten seconds are what nodes give a handshake among themselves.
        for command, seconds in (("ping", 4), ("get", 12)):
            with support.silent_address() as silent:
                question = ["ping", silent] if command == "ping" else ["get", "--bootstrap", silent, MISSING]
                began = time.monotonic()
                self.refused(4, *question, "--timeout", f"{seconds}s", says=[silent, "--timeout"])
                self.assertGreaterEqual(time.monotonic() - began, seconds)

    def test_something_else_listens(self):
        for greeting in (b"SSH-2.0-OpenSSH_9.2p1\r\n", b"220 mail ready\r\n", b"\0"):
            with support.greeting_address(greeting) as other:
                for question in self.questions(other):
                    self.refused(1, *question, says=[other, "a mydht node must listen there"])

    def test_a_node_that_hangs(self):
        node = self.node()
        node.process.send_signal(signal.SIGSTOP)
        for question in self.questions(node.address, "--timeout", "400ms"):
            self.refused(4, *question, says=node.address)
        node.process.send_signal(signal.SIGCONT)
        self.succeeds("ping", *support.PATIENCE, node.address)

    def test_a_network_of_which_most_hangs(self):
        nodes = self.network(4)
        for node in nodes[1:]:
            node.process.send_signal(signal.SIGSTOP)
        via = ["--bootstrap", nodes[0].address, "--timeout", "1s"]
        self.refused(4, "get", *via, MISSING, says=MISSING)

    def test_a_name_that_does_not_exist(self):
        for question in self.questions("tcp://no-such-host.invalid:4000"):
            self.refused(1, *question, says="no-such-host.invalid")

    def test_an_interrupted_client(self):
        with support.silent_address() as silent:
            process = subprocess.Popen([support.MYDHT, "get", "--bootstrap", silent, "--log-level", "info", MISSING],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.assertIn(b"joining", process.stderr.readline())
            process.send_signal(signal.SIGINT)
            out, rest = process.communicate(timeout=support.COMMAND_SECONDS)
        self.assertEqual((process.returncode, out), (1, b""))
        self.assertEqual(rest.splitlines()[-1], b"mydht get: interrupted")


class Output(support.Case):
    def test_nobody_takes_the_result(self):
        node = self.node()
        via = ["--bootstrap", node.address, *support.PATIENCE]
        key = self.succeeds("put", *via, "hello").decode().strip()
        self.refused(1, "get", *via, key, stdout=None, preexec_fn=lambda: os.close(1), says="standard output")
        reading, writing = os.pipe()
        os.close(reading)
        try:
            self.refused(1, "get", *via, key, stdout=writing, says="standard output")
        finally:
            os.close(writing)
        with open("/dev/full", "wb") as full:
            self.refused(1, "id", "--identity", self.identity(), stdout=full, says="standard output")


class Demo(support.Case):
    def test_a_network_in_one_process(self):
        lines = self.succeeds("demo", "--nodes", "6").decode().splitlines()
        self.assertEqual(lines[0].split(), ["operation", "count", "success", "median", "ms", "p95", "ms"])
        self.assertTrue(any(line.startswith("get, a quarter stopped") for line in lines))
        rows = [json.loads(line) for line in self.succeeds("demo", "--nodes", "4", "--json").splitlines()]
        self.assertTrue(all(row["count"] == row["success"] > 0 for row in rows))

    def test_it_is_done_in_datagrams(self):
        log = support.mydht("demo", "--nodes", "4", "--log-level", "debug").stderr.decode()
        # Each node, and who looks for the values, has sessions, and tells of their ends.
        ended = [line for line in log.splitlines() if "the session has ended" in line]
        self.assertGreaterEqual(len(ended), 5)
        self.assertTrue(all(" udp://127.0.0.1:" in line for line in ended), log)
        self.assertNotIn("tcp://", log)


if __name__ == "__main__":
    support.main()
