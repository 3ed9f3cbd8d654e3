# SPDX-License-Identifier: ISC
"""A tour of Python's library: what it asks of a kernel is more than one would think."""
import asyncio
import collections
import decimal
import hashlib
import json
import os
import queue
import re
import select
import signal
import socket
import sqlite3
import struct
import sys
import tempfile
import threading
import time
import zlib

print(sys.version_info[:2], sys.byteorder, os.name, sys.argv[1:])

with open("in/words", encoding="ascii") as file:
    words = file.read().split()
count = collections.Counter(word[:2] for word in words)
print(json.dumps(dict(sorted(count.items()))))
print(len(re.findall(r"\b(ba|co)\w*", " ".join(words))))
with open("in/blob", "rb") as file:
    blob = file.read()
print(hashlib.sha256(blob).hexdigest(), hashlib.blake2b(blob).hexdigest()[:20], zlib.crc32(blob))
print(len(zlib.compress(b"".join(word.encode() for word in words))))
decimal.getcontext().prec = 50
print(decimal.Decimal(2).sqrt(), struct.pack("<Id", 7, 0.5).hex())

# Threads, with what they wait by.
lock, total, tasks, results = threading.Lock(), [0], queue.Queue(), queue.Queue()


def work():
    while (item := tasks.get()) is not None:
        with lock:
            total[0] += item
        results.put(item * item)


threads = [threading.Thread(target=work) for _ in range(6)]
for thread in threads:
    thread.start()
for i in range(2000):
    tasks.put(i)
for thread in threads:
    tasks.put(None)
for thread in threads:
    thread.join()
print(total[0], sum(results.get() for _ in range(2000)))
event = threading.Event()
threading.Timer(0.01, event.set).start()
print(event.wait(30), threading.Event().wait(0.01))

# Files.
with tempfile.TemporaryDirectory(dir="out") as folder:
    for i in range(50):
        with open(os.path.join(folder, f"file-{i}"), "w", encoding="utf-8") as file:
            file.write("ä" * i)
    print(sum(entry.stat().st_size for entry in os.scandir(folder)), len(os.listdir(folder)))
print(os.listdir("out"), os.path.exists("in/words"), os.access("in", os.W_OK) in (True, False))
print(sorted(name for _, _, names in os.walk("in/tree") for name in names)[:5])
try:
    open("in/nothing", encoding="utf-8")
except FileNotFoundError as error:
    print(error)

# A database, on a file.
database = sqlite3.connect("out/python.db")
database.execute("CREATE TABLE word (id INTEGER PRIMARY KEY, text TEXT)")
with database:
    database.executemany("INSERT INTO word (text) VALUES (?)", ((word,) for word in words))
database.execute("CREATE INDEX word_text ON word (text)")
print(database.execute("SELECT text, count(*) FROM word GROUP BY text ORDER BY 2 DESC, 1 LIMIT 3").fetchall())
print(database.execute("PRAGMA integrity_check").fetchone())
database.close()

# Signals, pipes, events.
caught = []
signal.signal(signal.SIGALRM, lambda number, frame: caught.append(number))
signal.setitimer(signal.ITIMER_REAL, 0.01)
while not caught:
    time.sleep(0.005)
print(caught == [signal.SIGALRM])
reader, writer = os.pipe()
poll = select.epoll()
poll.register(reader, select.EPOLLIN)
threading.Timer(0.01, os.write, (writer, b"through a pipe")).start()
print([events for _, events in poll.poll(30)], os.read(reader, 100))
poll.close()


async def pause(name, seconds):
    await asyncio.sleep(seconds)
    return name


async def several():
    reader, writer = os.pipe()
    stream = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(reader))
    threading.Timer(0.01, os.write, (writer, b"a line\n")).start()
    return await asyncio.gather(*(pause(i, 0.002 * (5 - i)) for i in range(5)), stream.readline())


print(asyncio.run(several()))
left, right = socket.socketpair()
threading.Thread(target=lambda: (right.sendall(b"x" * 300000), right.close())).start()
print(sum(map(len, iter(lambda: left.recv(10000), b""))), left.family.name, left.getsockname() == "")
left.close()
print(sys.getrecursionlimit(), sum(1 for _ in iter(range(10).__iter__().__next__, 9)))
