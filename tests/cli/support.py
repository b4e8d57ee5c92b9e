"""What the tests of the command share: running it, nodes and networks of real processes, and counting."""

import contextlib
import os
import pathlib
import pty
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

sys.dont_write_bytecode = True

# A shell that starts this in the background ignores the signal, and so would every program started from here.
signal.signal(signal.SIGINT, signal.default_int_handler)

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
MYDHT = os.environ.get("MYDHT", str(TOP / "build" / "mydht"))
# Nothing here takes long; the limits are for builds with sanitizers on a busy machine.
COMMAND_SECONDS = 120
# Given to commands that are expected to succeed: they end when they are done, this only bounds a hang.
PATIENCE = ["--timeout", "60s"]


def mydht(*arguments, content=b"", within=(), **options):
    """Runs the command to its end. Standard input is `content`. `within`: what it is started by, such as nsenter."""
    if "stdin" not in options:
        options["input"] = content
    return subprocess.run([*within, MYDHT, *arguments], stdout=options.pop("stdout", subprocess.PIPE), stderr=subprocess.PIPE,
                          timeout=COMMAND_SECONDS, **options)


class Node:
    """A `mydht node` process that is ready. What it logs is in the file `log`. `within` as for mydht()."""

    def __init__(self, *arguments, folder, wait=True, within=()):
        with tempfile.NamedTemporaryFile(dir=folder, prefix="node-", suffix=".log", delete=False) as log:
            self.log = pathlib.Path(log.name)
            self.process = subprocess.Popen([*within, MYDHT, "node", *arguments], stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=log)
        if wait:
            self.wait_ready()

    def wait_ready(self):
        self.ready_line = self.process.stdout.readline().decode()
        words = self.ready_line.split()
        if len(words) < 3 or words[0] != "ready":
            raise AssertionError(f"not ready: {self.ready_line!r}, {self.logged()}")
        self.id, self.addresses = words[1], words[2:]
        self.address = self.addresses[0]

    def logged(self):
        return self.log.read_text(errors="replace")

    def stop(self, with_signal=signal.SIGTERM):
        """Its exit status, and what it printed after the ready line."""
        self.process.send_signal(with_signal)
        rest, _ = self.process.communicate(timeout=COMMAND_SECONDS)
        return self.process.returncode, rest

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Case(unittest.TestCase):
    """A test with a folder of its own, whose nodes end with it."""

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="mydht-cli-")))

    if not hasattr(unittest.TestCase, "enterContext"):  # Python before 3.11
        def enterContext(self, manager):
            entered = manager.__enter__()
            self.addCleanup(manager.__exit__, None, None, None)
            return entered

    def node(self, *arguments, wait=True, within=()):
        node = Node(*arguments, folder=self.folder, wait=False, within=within)
        self.addCleanup(node.end)
        if wait:
            node.wait_ready()
        return node

    def network(self, count, *arguments):
        """So many nodes that know each other; the first one is where the others entered."""
        nodes = [self.node(*arguments)]
        for _ in range(count - 1):
            nodes.append(self.node("--bootstrap", nodes[0].address, *arguments))
        return nodes

    def identity(self, name="author.identity"):
        path = self.folder / name
        self.succeeds("keygen", "--out", path)
        return path

    def succeeds(self, *arguments, **options):
        """The standard output of a command that ends with 0 and says nothing on standard error."""
        done = mydht(*arguments, **options)
        self.assertEqual((done.returncode, done.stderr), (0, b""), f"mydht {arguments}")
        return done.stdout

    def refused(self, code, *arguments, says=(), **options):
        """The one line on standard error of a command that ends with `code` and prints no result."""
        done = mydht(*arguments, **options)
        line = done.stderr.decode(errors="replace")
        self.assertEqual(done.returncode, code, f"mydht {arguments}: {line}")
        self.assertFalse(done.stdout, f"mydht {arguments}")
        self.assertEqual(line.count("\n"), 1, f"mydht {arguments}: {line}")
        self.assertTrue(line.startswith("mydht") and line.endswith("\n"), line)
        for word in [says] if isinstance(says, str) else says:
            self.assertIn(word, line)
        return line


@contextlib.contextmanager
def silent_address():
    """An address where connections are taken and nothing is ever said."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"tcp://127.0.0.1:{listener.getsockname()[1]}"


@contextlib.contextmanager
def greeting_address(greeting):
    """An address of another protocol: whoever comes is greeted with these bytes."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def greet():
            with contextlib.suppress(OSError):
                while True:
                    with listener.accept()[0] as link:
                        link.sendall(greeting)
                        link.recv(16)

        thread = threading.Thread(target=greet)
        thread.start()
        try:
            yield f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@contextlib.contextmanager
def terminal():
    """The two ends of a terminal: ours, and the one that a command is given."""
    ours, theirs = pty.openpty()
    try:
        yield ours, theirs
    finally:
        os.close(theirs)
        os.close(ours)


@contextlib.contextmanager
def dead_address():
    """An address where nobody listens, and nobody else will while this lasts."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield f"tcp://127.0.0.1:{reserved.getsockname()[1]}"


def wait_for_line(process, path, word):
    """Until the file has the word; the process must live meanwhile."""
    while word not in path.read_text(errors="replace"):
        try:
            code = process.wait(timeout=0.02)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(f"ended with {code} before it said {word!r}: {path.read_text(errors='replace')}")


def wait_for_log(node, word):
    wait_for_line(node.process, node.log, word)


def main():
    """Runs the tests of the program that calls this; the last line is for scripts/run_tests.py."""
    program = unittest.main(module="__main__", exit=False, verbosity=1)
    outcome = program.result
    failed = len(outcome.failures) + len(outcome.errors)
    skipped = len(outcome.skipped)
    for test, why in outcome.skipped:
        print(f"skipped {test.id()}: {why}")
    print(f"{outcome.testsRun - failed - skipped} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""),
          flush=True)
    sys.exit(1 if failed else 0)
