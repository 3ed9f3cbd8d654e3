#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""run.py CASES [NAME...] - runs programs on the host and by `postern run`, and compares, byte by byte, what they
write to standard output and standard error, their exit status, and the files that they leave. Speaks TAP.

POSTERN is the program postern; PROGRAMS is the folder of the test programs that Meson built.

CASES holds one case a line: NAME [SETTING...] -- PROGRAM [ARGUMENT...], in words as a shell splits them. The program
runs in a folder that has inputs in in/ (with this folder's scripts in in/scripts/), which it may read, and out/,
which is empty and which it may write. Settings:

    stdin=FILE    standard input; without it, /dev/null
    pipe=FILE     the same through a pipe
    env=NAME=VALUE
    run=OPTION    an option of `postern run`
    copy=FILE     is copied to out/ first
    prepare=COMMAND  is run on the host first, by sh
    verify=COMMAND   is run on the host after each run, by sh; what it prints is compared too
    status=N      the exit status that both must have; without it, 0
    says=TEXT     both must write this to standard output
    unsorted      the order of the lines of standard output does not matter
    stderr=no     standard error is not compared

A line that begins with blanks goes on with the case of the line before. @ID@ is a number that no other run of this
program has at the same time."""

import difflib
import hashlib
import os
import random
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
TIME = 100  # seconds, for each run; for a machine with much else to do
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "HOME": "/tmp", "TERM": "dumb"}
LIMIT = 30  # lines of a difference that are shown


class Skip(Exception):
    pass


class Case:
    def __init__(self, words):
        if "--" not in words:
            raise ValueError("no -- in: " + " ".join(words))
        at = words.index("--")
        self.name, self.command = words[0], words[at + 1:]
        self.settings = [word.partition("=")[::2] for word in words[1:at]]

    def all(self, key):
        return [value for name, value in self.settings if name == key]

    def get(self, key, default=None):
        return (self.all(key) or [default])[-1]

    def has(self, key):
        return bool(self.all(key))


def read_cases(path):
    text = ""
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith("#") or not line.strip():
                continue
            text += (" " if line[0].isspace() else "\n") + line.strip()
    text = text.replace("@ID@", str(os.getpid()))
    return [Case(shlex.split(line)) for line in text.strip().split("\n")]


# ---- inputs ----

def make_inputs(folder):
    """Files of the repository, and what is made up, the same each time."""
    dice = random.Random(1)
    os.makedirs(folder)
    for name in ["README.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "abi/postern.abi"]:
        shutil.copy(os.path.join(ROOT, name), folder)
    shutil.copytree(os.path.join(ROOT, "hypervisor", "gate"), os.path.join(folder, "tree"))
    shutil.copytree(os.path.join(HERE, "scripts"), os.path.join(folder, "scripts"))
    os.makedirs(os.path.join(folder, "tree", "empty"))
    os.symlink("../README.md", os.path.join(folder, "tree", "link"))
    os.symlink("nowhere", os.path.join(folder, "tree", "dangling"))

    def write(name, content):
        mode = "wb" if isinstance(content, bytes) else "w"
        with open(os.path.join(folder, name), mode) as file:
            file.write(content)

    syllables = ["ba", "co", "di", "fu", "ge", "ha", "ki", "lo", "mu", "ne"]
    words = ["".join(dice.choices(syllables, k=dice.randint(1, 4))) for _ in range(4000)]
    write("words", "".join(word + "\n" for word in words))
    write("sorted", "".join(word + "\n" for word in sorted(set(words))))
    write("others", "".join(word + "\n" for word in sorted(set(words[::3] + ["zu" + word for word in words[:50]]))))
    write("numbers", "".join(f"{dice.randint(-10**6, 10**6)}\n" for _ in range(3000)))
    write("table", "".join(f"{i}:{words[i]}:{dice.random():.6f}:{words[-i]}\n" for i in range(1500)))
    write("order", "".join(f"t{i} t{i + dice.randint(1, 9)}\n" for i in range(200)))
    write("blob", dice.randbytes(700_001))
    write("zeros", bytes(300_000))
    write("mixed", b"".join(dice.randbytes(40) + b"a readable string %d\0" % i for i in range(500)))
    write("spaces", "".join(f"\t{word} \t {i}  \n" for i, word in enumerate(words[:300])))
    changed = open(os.path.join(folder, "README.md"), encoding="utf-8").read().splitlines(True)
    del changed[10:14]
    changed[20] = "A line that is different.\n"
    changed.insert(30, "A line that is new.\n")
    write("README.changed", "".join(changed))
    with open(os.path.join(folder, "change.patch"), "w", encoding="utf-8") as file:
        before = open(os.path.join(folder, "README.md"), encoding="utf-8").read().splitlines(True)
        file.writelines(difflib.unified_diff(before, changed, "README.md", "README.md"))
    host = dict(cwd=folder, check=True, env=ENVIRONMENT)
    subprocess.run("gzip -nk9c words > words.gz; bzip2 -9c words > words.bz2; xz -c words > words.xz;"
                   "tar --sort=name --owner=0 --group=0 -cf tree.tar tree; gzip -nk tree.tar", shell=True, **host)
    for path, names, files in os.walk(folder):
        for name in names + files:
            os.utime(os.path.join(path, name), (1_600_000_000, 1_600_000_000), follow_symlinks=False)


# ---- a run ----

def describe(folder):
    """What lies in a folder: a line for each file."""
    lines = []
    for path, names, files in os.walk(folder):
        for name in sorted(names + files):
            full = os.path.join(path, name)
            status = os.lstat(full)
            line = f"{os.path.relpath(full, folder)} {stat.filemode(status.st_mode)}"
            if stat.S_ISREG(status.st_mode):
                with open(full, "rb") as file:
                    line += f" {status.st_size} {hashlib.sha256(file.read()).hexdigest()}"
            elif stat.S_ISLNK(status.st_mode):
                line += " -> " + os.readlink(full)
            lines.append(line)
    return "\n".join(sorted(lines)).encode()


def find_program(name):
    built = os.path.join(os.environ.get("PROGRAMS", ""), name)
    if os.path.isfile(built) and os.access(built, os.X_OK):
        return built
    found = shutil.which(name, path="/bin:/usr/bin")
    if not found:
        raise Skip(f"there is no {name} on this host; scripts/setup.sh test has the packages")
    return found


def shell(command, box):
    done = subprocess.run(command, shell=True, cwd=box, env={**os.environ, **ENVIRONMENT}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIME, check=False)
    return done.stdout + b"status %d" % done.returncode


def run(case, box, command, environment):
    """Runs a command in a fresh box/out. Returns what is to be compared, by name."""
    out = os.path.join(box, "out")
    os.makedirs(out)
    for name in case.all("copy"):
        shutil.copy2(os.path.join(box, name), out)
    for line in case.all("prepare"):
        shell(line, box)
    source = case.get("stdin") or case.get("pipe") or "/dev/null"
    content = None
    with open(os.path.join(box, source), "rb") as stdin:
        if case.has("pipe"):
            content = stdin.read()
        process = subprocess.Popen(command, cwd=box, env=environment, start_new_session=True,
                                   stdin=subprocess.PIPE if case.has("pipe") else stdin,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            output, errors = process.communicate(content, timeout=TIME)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, errors = process.communicate()
            errors += b"\n(killed after %d s)\n" % TIME
    # As a shell tells it.
    status = process.returncode if process.returncode >= 0 else 128 - process.returncode
    if case.has("unsorted"):
        output = b"\n".join(sorted(output.split(b"\n")))
    result = {"status": b"%d" % status, "standard output": output, "standard error": errors,
              "files": describe(out)}
    for number, line in enumerate(case.all("verify")):
        result[f"verification {number + 1}"] = shell(line, box)
    if case.get("stderr") == "no":
        result["standard error"] = b""
    subprocess.run(["chmod", "-R", "u+rwX", out], stderr=subprocess.DEVNULL, check=False)
    shutil.rmtree(out, ignore_errors=True)
    return result


def difference(name, host, keep):
    """Lines that show how two outputs differ."""
    if host == keep:
        return []
    texts = [text.decode("utf-8", "backslashreplace").splitlines() for text in (host, keep)]
    lines = list(difflib.unified_diff(*texts, f"{name} on the host", f"{name} in the guest", n=1, lineterm=""))
    return lines[:LIMIT] + (["..."] if len(lines) > LIMIT else [])


def judge(case, box):
    """Returns lines that say what is wrong; none: nothing is."""
    program = find_program(case.command[0])
    environment = dict(ENVIRONMENT)
    environment.update(setting.partition("=")[::2] for setting in case.all("env"))
    command = [program] + case.command[1:]
    host = run(case, box, command, environment)
    options = ["--clear-env"] + [f"--env={name}={value}" for name, value in environment.items()]
    options += ["--mount", f"{box}/out:{box}/out:rw"] + case.all("run")
    keep = run(case, box, [os.environ["POSTERN"], "run", *options, "--", *command], os.environ)
    wrong = []
    status = case.get("status", "0")
    if host["status"].decode() != status:
        wrong.append(f"on the host, the status is {host['status'].decode()} and not {status}: a mistake of the test")
        wrong += host["standard output"].decode("utf-8", "replace").splitlines()[-LIMIT:]
        wrong += host["standard error"].decode("utf-8", "replace").splitlines()[-LIMIT:]
    for text in case.all("says"):
        if text.encode() not in host["standard output"]:
            wrong.append(f"on the host, it does not say {text!r}: a mistake of the test")
    for name, content in host.items():
        wrong += difference(name, content, keep[name])
    return wrong


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: run.py CASES [NAME...]")
    if subprocess.run([os.environ["POSTERN"], "doctor"], stdout=subprocess.DEVNULL, check=False).returncode:
        print("no engine works on this host")
        return 77
    cases = [case for case in read_cases(sys.argv[1]) if case.name in sys.argv[2:] or not sys.argv[2:]]
    print(f"1..{len(cases)}")
    failed = 0
    os.umask(0o022)
    with tempfile.TemporaryDirectory(prefix="postern-programs-") as box:
        box = os.path.realpath(box)
        make_inputs(os.path.join(box, "in"))
        for number, case in enumerate(cases, 1):
            try:
                wrong = judge(case, box)
            except Skip as reason:
                print(f"ok {number} - {case.name} # SKIP {reason}", flush=True)
                continue
            print(("not ok" if wrong else "ok") + f" {number} - {case.name}", flush=True)
            for line in wrong:
                print("# " + line, flush=True)
            failed += bool(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
