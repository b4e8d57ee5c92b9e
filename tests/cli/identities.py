#!/usr/bin/env python3
"""keygen and id, and what they do about files that they should not touch or cannot use."""

import json
import os
import signal
import subprocess
import unittest

import support

HEX = r"[0-9a-f]{64}"


class Identities(support.Case):
    def test_keygen_writes_what_id_reads(self):
        path = self.folder / "me.identity"
        made = self.succeeds("keygen", "--out", path)
        self.assertRegex(made.decode(), rf"^id {HEX}\npublic-key {HEX}\n$")
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.succeeds("id", "--identity", path), made)
        self.assertEqual(os.listdir(self.folder), ["me.identity"])
        seed = path.read_text().splitlines()[1]
        self.assertNotIn(seed, made.decode())

    def test_json(self):
        path = self.identity()
        shown = json.loads(self.succeeds("id", "--identity", path, "--json"))
        plain = self.succeeds("id", "--identity", path).decode().split()
        self.assertEqual([shown["id"], shown["public_key"]], [plain[1], plain[3]])

    def test_without_a_file_nothing_is_kept_and_the_user_is_told(self):
        done = support.mydht("keygen", cwd=self.folder)
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout.decode(), rf"^id {HEX}\npublic-key {HEX}\n$")
        self.assertEqual(done.stderr.count(b"\n"), 1)
        self.assertIn(b"--out", done.stderr)
        self.assertEqual(os.listdir(self.folder), [])

    def test_two_identities_differ(self):
        self.assertNotEqual(self.identity("a").read_bytes(), self.identity("b").read_bytes())

    def test_an_existing_file_is_left_alone(self):
        path = self.identity()
        before = path.read_bytes()
        self.refused(2, "keygen", "--out", path, says=[str(path), "another name"])
        self.assertEqual(path.read_bytes(), before)
        path.write_text("something else")
        self.refused(2, "keygen", "--out", path, says=str(path))
        self.assertEqual(path.read_text(), "something else")

    def test_a_file_that_cannot_be_written(self):
        self.refused(2, "keygen", "--out", self.folder / "no" / "folder", says="no/folder")
        self.refused(2, "keygen", "--out", str(self.folder) + "/", says="identity file")

    def test_work(self):
        self.succeeds("keygen", "--work", "4", "--out", self.folder / "worked")
        self.refused(4, "keygen", "--work", "60", "--timeout", "20ms", "--out", self.folder / "never", says="60 bits")
        self.assertFalse((self.folder / "never").exists())

    def test_a_missing_file(self):
        self.refused(2, "id", says="no --identity")
        self.refused(2, "id", "--identity", self.folder / "nobody", says=["nobody", "keygen"])
        self.refused(2, "id", "--identity", self.folder, says=str(self.folder))
        self.refused(2, "node", "--identity", self.folder / "nobody", says="nobody")

    def test_a_pipe_is_not_waited_for(self):
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        self.refused(2, "id", "--identity", pipe, says="pipe")

    @unittest.skipIf(os.geteuid() == 0, "root reads everything")
    def test_a_file_without_rights(self):
        path = self.identity()
        path.chmod(0)
        self.refused(2, "id", "--identity", path, says=str(path))

    def test_a_file_that_others_can_read(self):
        path = self.identity()
        for mode in (0o644, 0o640, 0o604, 0o620, 0o601):
            path.chmod(mode)
            self.refused(2, "id", "--identity", path, says=[str(path), "chmod 600"])
            self.refused(2, "node", "--identity", path, says="chmod 600")
            self.refused(2, "publish", "--identity", path, "--bootstrap", "tcp://127.0.0.1:4000", "x", says="chmod 600")
        path.chmod(0o400)
        self.succeeds("id", "--identity", path)

    def test_damage(self):
        path = self.identity()
        good = path.read_bytes()
        for bad in (b"", good[:-1], good + b"\n", good[:20] + b"x" + good[21:], good.upper(), bytes(10_000),
                    good.replace(b"identity 1", b"identity 2")):
            path.write_bytes(bad)
            self.refused(2, "id", "--identity", path, says=[str(path), "backup"])
        path.write_bytes(good)
        self.succeeds("id", "--identity", path)

    def test_a_search_for_work_can_be_interrupted(self):
        process = subprocess.Popen([support.MYDHT, "keygen", "--work", "60", "--out", self.folder / "never"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=support.COMMAND_SECONDS)
        self.assertEqual((process.returncode, out), (-signal.SIGINT, b""))
        self.assertEqual(os.listdir(self.folder), [])


if __name__ == "__main__":
    support.main()
