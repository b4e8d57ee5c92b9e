#!/usr/bin/env python3
"""`mydht node` where interfaces and addresses go away and come back: nodes in two network namespaces that a cable joins.

Everything runs in namespaces of its own, so nothing of this machine's network is touched. Where they cannot be made, as in
containers without the right to, the tests are skipped.
"""

import os
import pathlib
import subprocess
import sys

import support

INSIDE = "MYDHT_TEST_INSIDE_NAMESPACE"
OURS = ["10.77.0.1/24", "fd77::1/64"]
THEIRS = ["10.77.0.2/24", "fd77::2/64"]
MAKE_CABLE = ["ip", "link", "add", "cable", "type", "veth", "peer", "name", "far"]


def new_namespace():
    """The command that runs another one in a network of its own, and why there is none."""
    command = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
    try:
        done = subprocess.run([*command, *MAKE_CABLE], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    except OSError as error:
        return command, str(error)
    return command, done.stderr.decode(errors="replace").strip() if done.returncode != 0 else ""


def listening(addresses):
    hosts = [address.split("/")[0] for address in addresses]
    return [word for host in hosts for word in ("--listen", f"udp://[{host}]:0" if ":" in host else f"udp://{host}:0")]


def counted():
    """What the system has counted in this network: {"Udp": {"OutDatagrams": 1, ...}, "Tcp": ...}."""
    lines = [line.split() for line in pathlib.Path("/proc/self/net/snmp").read_text().splitlines()]
    return {names[0].rstrip(":"): dict(zip(names[1:], map(int, numbers[1:]))) for names, numbers in zip(lines[::2], lines[1::2])}


class Inside(support.Case):
    """Runs only in a network of its own."""

    def setUp(self):
        super().setUp()
        if INSIDE not in os.environ:
            self.skipTest(f"no network namespaces: {WHY_NOT}")

    def ip(self, *arguments, within=()):
        subprocess.run([*within, "ip", *arguments], check=True)


class Demo(Inside):
    def test_no_connection_is_made(self):
        self.ip("link", "set", "lo", "up")
        before = counted()
        self.succeeds("demo", "--nodes", "4")
        after = counted()
        self.assertEqual(after["Tcp"]["ActiveOpens"], before["Tcp"]["ActiveOpens"])
        # A put and a get of each value, at least, there and back.
        self.assertGreater(after["Udp"]["InDatagrams"] - before["Udp"]["InDatagrams"], 4 * 20)


class Interfaces(Inside):
    def setUp(self):
        super().setUp()
        shell = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo made; cat"], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE)
        self.addCleanup(shell.communicate)
        self.assertEqual(shell.stdout.readline(), b"made\n")
        self.far = ["nsenter", f"--net=/proc/{shell.pid}/ns/net"]
        self.shell = shell
        self.plug()
        self.addCleanup(self.unplug)

    def plug(self):
        """A new cable between the two, with all addresses."""
        self.ip(*MAKE_CABLE[1:], "netns", str(self.shell.pid))
        # What a machine sends to an address of its own takes this way.
        self.ip("link", "set", "lo", "up")
        self.ip("link", "set", "lo", "up", within=self.far)
        self.ip("link", "set", "cable", "up")
        self.ip("link", "set", "far", "up", within=self.far)
        for address in THEIRS:
            self.add(address, "far", within=self.far)
        for address in OURS:
            self.add(address)

    def unplug(self):
        self.ip("link", "del", "cable")

    def add(self, address, interface="cable", within=()):
        # Without the search for others that have it: it could not be used at once.
        self.ip("addr", "add", address, "dev", interface, *(["nodad"] if ":" in address else []), within=within)

    def pair(self):
        """A node here and one at the other end, which know each other."""
        here = self.node(*listening(OURS), "--log-level", "info")
        there = self.node(*listening(THEIRS), "--bootstrap", here.address, within=self.far)
        self.reached(here)
        return here, there

    def reached(self, node):
        for address in node.addresses:
            answer = self.succeeds("ping", *support.PATIENCE, address, within=self.far).decode()
            self.assertIn(node.id, answer)

    def lost(self, node):
        for address in node.addresses:
            support.wait_for_log(node, f"{address} cannot be used any more: this machine has no such address")

    def back(self, node):
        """Its sockets work again, at the same ports, and others find values through it, new nodes too."""
        for address in node.addresses:
            support.wait_for_log(node, f"{address} works again")
        self.reached(node)
        another = self.node(*listening(THEIRS), "--bootstrap", node.address, within=self.far)
        self.assertNotIn("bootstrap", another.logged())
        content = os.urandom(1000)
        key = self.succeeds("put", *support.PATIENCE, "--bootstrap", another.address, "-", content=content,
                            within=self.far).decode().strip()
        self.assertEqual(self.succeeds("get", *support.PATIENCE, "--bootstrap", node.address, key), content)

    def test_addresses_are_removed_and_put_back(self):
        here, there = self.pair()
        # The interface has others: of IPv6, packets still leave from the one that is gone, without an error.
        self.add("10.77.0.9/24")
        self.add("fd77::9/64")
        for address in OURS:
            self.ip("addr", "del", address, "dev", "cable")
        self.lost(here)
        for address in OURS:
            self.add(address)
        self.back(here)
        for node in (here, there):
            self.assertEqual(node.stop(), (0, b""))

    def test_an_interface_goes_and_another_one_comes(self):
        here, there = self.pair()
        self.unplug()
        self.lost(here)
        self.plug()
        self.back(here)
        for node in (here, there):
            self.assertEqual(node.stop(), (0, b""))

    def test_an_interface_is_down_for_a_while(self):
        here, _ = self.pair()
        self.ip("link", "set", "cable", "down")
        self.lost(here)
        self.ip("link", "set", "cable", "up")
        self.add(OURS[1])  # those of IPv6 do not survive it
        self.back(here)

    def test_a_node_whose_address_is_gone_stops(self):
        here, _ = self.pair()
        self.unplug()
        self.lost(here)
        self.assertEqual(here.stop(), (0, b""))
        self.plug()


if __name__ == "__main__":
    WHY_NOT = ""
    if INSIDE not in os.environ:
        NAMESPACE, WHY_NOT = new_namespace()
        if not WHY_NOT:
            os.execvpe(NAMESPACE[0], [*NAMESPACE, sys.executable, os.path.abspath(__file__), *sys.argv[1:]],
                       {**os.environ, INSIDE: "yes"})
    support.main()
