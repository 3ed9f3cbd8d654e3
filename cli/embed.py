# SPDX-License-Identifier: ISC
"""embed.py JSON OUT - writes the contract as C, for contract.h: one string literal for each line."""

import sys

PLAIN = set(range(0x20, 0x7f)) - set(b'"\\?')


def literal(line):
    # Three octal digits always: what follows is never read as part of the escape.
    return '"' + "".join(chr(byte) if byte in PLAIN else f"\\{byte:03o}" for byte in line) + '"'


def main():
    source, output = sys.argv[1:]
    with open(source, "rb") as stream:
        text = stream.read()
    with open(output, "w", encoding="ascii") as stream:
        stream.write("/* Generated from the contract by embed.py. Change the contract, not this file. */\n"
                     '#include "contract.h"\n\n'
                     "const char contract_text[] =\n")
        stream.writelines(f"\t{literal(line)}\n" for line in text.splitlines(keepends=True))
        stream.write(f"\t;\nconst size_t contract_text_size = {len(text)};\n")


main()
