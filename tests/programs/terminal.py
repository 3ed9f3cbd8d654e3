#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""terminal.py [NAME...] - talks to programs on a terminal, on the host and by `postern run`, and compares what is seen
on the terminal, byte by byte, and the exit status; and that the terminal is left as it was. Speaks TAP.

POSTERN is the program postern; PROGRAMS is the folder of the test programs that Meson built."""

import difflib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time

from run import ENVIRONMENT, Skip, find_program

TIME = 100

# Name, program and arguments, exit status, and the conversation: what to wait for, and what then to type. A number of
# pairs (rows, columns) in the place of what to type changes the size of the window.
CONVERSATIONS = [
    ("modes", ["terminal", "modes"], 0, []),
    ("tty", ["busybox", "test", "-t", "0"], 0, []),
    ("size", ["terminal", "size"], 0, [(b"0 24 x 80", (40, 132))]),
    ("stty-size", ["busybox", "stty", "size"], 0, []),
    ("lines", ["terminal", "lines"], 0, [(b"? ", b"first\n"), (b"[first]\r\n? ", b"second\n"), (b"[second]\r\n? ", b"\x04")]),
    ("editing", ["terminal", "lines"], 0,
     [(b"? ", b"abx\x7fc\n"), (b"[abc]\r\n? ", b"all gone\x15kept\n"), (b"[kept]\r\n? ", b"one two\x17three\n"),
      (b"[one three]\r\n? ", b"\x04")]),
    ("end-of-file-within-line", ["terminal", "lines"], 0, [(b"? ", b"part\x04"), (b"part", b"ial\n"), (b"[partial]\r\n? ", b"\x04")]),
    ("raw", ["terminal", "raw"], 0, [(b"ready", b"a\x03\x04\r\n\x1b[A\x7f\xc3\xa4q")]),
    ("timed", ["terminal", "timed"], 0, []),
    ("line-and-end-of-file", ["terminal", "lines"], 0, [(b"? ", b"last\n\x04")]),
    ("interrupt", ["terminal", "lines"], 130, [(b"? ", b"half"), (b"half", b"\x03")]),
    # Its group is orphaned, as that of any session's leader: the suspend key does nothing.
    ("suspend", ["terminal", "lines"], 0, [(b"? ", b"\x1a"), (b"^Z", b"on\n"), (b"[on]\r\n? ", b"\x04")]),
    ("quit", ["terminal", "lines"], 131, [(b"? ", b"\x1c")]),
    ("interrupt-a-loop", ["bash-static", "-c", "echo looping; while :; do :; done"], 130, [(b"looping", b"\x03")]),
    ("interrupt-is-caught", ["bash-static", "-c", "trap 'echo caught; exit 5' INT; echo ready; while :; do :; done"], 5,
     [(b"ready", b"\x03")]),
    ("interrupt-is-ignored", ["bash-static", "-c", "trap '' INT; echo ready; read -r line; echo \"<$line>\""], 0,
     [(b"ready\r\n", b"\x03"), (b"^C", b"line\n")]),
    ("shell", ["busybox", "sh"], 3,
     [(b"# ", b"echo $((6 * 7))\n"), (b"\r\n42\r\n# ", b"for i in 1 2 3; do echo n$i; done\n"), (b"n3\r\n# ", b"cd /; pwd\n"),
      (b"\r\n/\r\n# ", b"exit 3\n")]),
    ("shell-history", ["busybox", "sh"], 0,
     [(b"# ", b"echo o''ne\n"), (b"one\r\n# ", b"\x1b[A\n"), (b"one\r\n# ", b"\x04")]),
    ("bash", ["bash-static", "--norc", "--noprofile"], 7,
     [(b"# ", b"x=$((2 ** 40)); echo $x\n"), (b"1099511627776\r\n# ", b"echo a''c\x7fb\n"),
      (b"ab\r\n# ", b"exit 7\n")]),
    ("large-output", ["bash-static", "-c", "for ((i = 0; i < 3000; i++)); do echo line $i; done"], 0, []),
]


def set_size(descriptor, rows, columns):
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class Terminal:
    """A program on a terminal of its own, and all that was seen there."""

    def __init__(self, command, environment):
        self.seen = b""
        self.looked = 0
        self.master, self.slave = pty.openpty()
        set_size(self.slave, 24, 80)
        self.before = termios.tcgetattr(self.slave)
        self.deadline = time.monotonic() + TIME

        def take_terminal():
            os.setsid()
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell ignores them for what runs in the background
            signal.signal(signal.SIGQUIT, signal.SIG_DFL)
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(command, env=environment, stdin=self.slave, stdout=self.slave, stderr=self.slave,
                                        cwd="/", preexec_fn=take_terminal)

    def read(self, wait):
        """Takes what there is. False: nothing for now."""
        if not select.select([self.master], [], [], wait)[0]:
            return False
        self.seen += os.read(self.master, 65536)
        return True

    def wait_for(self, text):
        while text not in self.seen[self.looked:]:
            if time.monotonic() > self.deadline or (self.process.poll() is not None and not self.read(0)):
                raise TimeoutError(f"{text!r} did not come")
            self.read(0.05)
        self.looked = self.seen.index(text, self.looked) + len(text)

    def finish(self):
        while self.process.poll() is None:
            if time.monotonic() > self.deadline:
                raise TimeoutError("did not end")
            self.read(0.02)
        while self.read(0):
            pass
        after = termios.tcgetattr(self.slave)
        return self.process.returncode if self.process.returncode >= 0 else 128 - self.process.returncode, after

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


def talk(command, environment, conversation):
    """Returns what was seen, the status, whether the terminal is as before, and what went wrong, or None."""
    terminal = Terminal(command, environment)
    status, problem, same = None, None, None
    try:
        for expected, typed in conversation:
            terminal.wait_for(expected)
            if isinstance(typed, tuple):
                set_size(terminal.master, *typed)
            else:
                os.write(terminal.master, typed)
        status, after = terminal.finish()
        same = after == terminal.before
    except TimeoutError as error:
        problem = str(error)
    finally:
        terminal.close()
    return terminal.seen, status, same, problem


def judge(command, expected, conversation):
    program = find_program(command[0])
    command = [program] + command[1:]
    environment = {**ENVIRONMENT, "PS1": "# "}
    options = ["--clear-env"] + [f"--env={name}={value}" for name, value in environment.items()]
    host = talk(command, environment, conversation)
    keep = talk([os.environ["POSTERN"], "run", *options, "--", *command], os.environ, conversation)
    wrong = []
    if host[1] != expected or host[3]:
        wrong.append(f"on the host, the status is {host[1]} and not {expected}, {host[3]}: a mistake of the test")
        wrong.append(repr(host[0]))
    if keep[1] != host[1] or keep[3]:
        wrong.append(f"in the guest, the status is {keep[1]} and not {host[1]}: {keep[3]}")
    if keep[2] is False:
        wrong.append("the terminal is not left as it was")
    if keep[0] != host[0]:
        texts = [[repr(line) for line in seen.splitlines(True)] for seen in (host[0], keep[0])]
        wrong += list(difflib.unified_diff(*texts, "seen on the host", "seen of the guest", n=1, lineterm=""))[:40]
    return wrong


def main():
    if subprocess.run([os.environ["POSTERN"], "doctor"], stdout=subprocess.DEVNULL, check=False).returncode:
        print("no engine works on this host")
        return 77
    chosen = [entry for entry in CONVERSATIONS if entry[0] in sys.argv[1:] or not sys.argv[1:]]
    print(f"1..{len(chosen)}")
    failed = 0
    for number, (name, *rest) in enumerate(chosen, 1):
        try:
            wrong = judge(*rest)
        except Skip as reason:
            print(f"ok {number} - {name} # SKIP {reason}", flush=True)
            continue
        print(("not ok" if wrong else "ok") + f" {number} - {name}", flush=True)
        for line in wrong:
            print("# " + line, flush=True)
        failed += bool(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
