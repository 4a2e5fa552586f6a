#!/usr/bin/env python3
"""Stands for GnuPG's scdaemon with an OpenPGP card in the reader: answers gpg-agent on its pipe and works with the RSA keys that
`card.json` beside it holds. As a card it removes the padding of a decryption by itself and makes that of a signature.

Without `card.json` the reader is empty. `card.log` gets each command's first word."""
import json, os, sys

here = os.path.dirname(os.path.abspath(__file__))
SERIAL = "D276000124010304FFFE000000010000"
NO_CARD = "ERR 100696144 No such device <SCD>"
out, data = sys.stdout.buffer, b""


def say(line):
    out.write(line.encode() + b"\n")
    out.flush()


def give(value):
    escaped = b"".join(b"%%%02X" % byte if byte in b"%\r\n" else bytes([byte]) for byte in value)
    # No line is longer than 1,000 bytes.
    at = 0
    while at < len(escaped):
        end = min(at + 900, len(escaped))
        while end < len(escaped) and b"%" in escaped[end - 2:end]:
            end -= 1
        out.write(b"D " + escaped[at:end] + b"\n")
        at = end
    out.flush()


def keys():
    try:
        with open(f"{here}/card.json") as file:
            return json.load(file)
    except FileNotFoundError:
        return None


def power(key, value):
    number = int.from_bytes(value, "big")
    size = (int(key["n"], 16).bit_length() + 7) // 8
    return pow(number, int(key["d"], 16), int(key["n"], 16)).to_bytes(size, "big")


def answer(word, rest):
    global data
    card = keys()
    if word in ("SERIALNO", "LEARN"):
        if card is None:
            return NO_CARD
        say(f"S SERIALNO {SERIAL}")
    elif word == "SETDATA":
        more = rest.startswith("--append")
        value = bytes.fromhex(rest.split()[-1])
        data = data + value if more else value
    elif word in ("PKDECRYPT", "PKSIGN"):
        key = (card or {}).get(rest.split()[-1])
        if key is None:
            return NO_CARD
        if word == "PKDECRYPT":
            padded = power(key, data).lstrip(b"\0")
            assert padded[:1] == b"\2", "no padding of a decryption"
            say("S PADDING 0")
            give(padded[padded.index(b"\0") + 1:])
        else:
            size = (int(key["n"], 16).bit_length() + 7) // 8
            give(power(key, b"\0\1" + b"\xff" * (size - len(data) - 3) + b"\0" + data))
    elif word == "GETINFO" and rest != "version":
        return "ERR 100663573 Not implemented <SCD>"
    return "OK"


say("OK a card of software is ready")
for line in sys.stdin:
    word, _, rest = line.strip().partition(" ")
    with open(f"{here}/card.log", "a") as log:
        log.write(word + "\n")
    say(answer(word, rest))
    if word == "BYE":
        break
