#!/usr/bin/env python3
"""Stands for GnuPG's scdaemon with an OpenPGP card in the reader: answers gpg-agent on its pipe, and on a socket as soon as the agent
has more than one thing to ask, and works with the RSA keys that `card.json` beside it holds. As a card it removes the padding of a
decryption by itself and makes that of a signature.

Without `card.json` the reader is empty. `card.log` gets each command's first word."""
import json, os, socket, sys, threading

here = os.path.dirname(os.path.abspath(__file__))
SERIAL = "D276000124010304FFFE000000010000"
SOCKET = f"{here}/S.card"
NO_CARD = "ERR 100696144 No such device <SCD>"


def keys():
    try:
        with open(f"{here}/card.json") as file:
            return json.load(file)
    except FileNotFoundError:
        return None


def size(key):
    return (int(key["n"], 16).bit_length() + 7) // 8


def power(key, value):
    number = int.from_bytes(value, "big")
    return pow(number, int(key["d"], 16), int(key["n"], 16)).to_bytes(size(key), "big")


class Session:
    """One connection of the agent."""

    def __init__(self, lines, out):
        self.lines, self.out, self.data = lines, out, b""

    def say(self, line):
        self.out.write(line + b"\n")
        self.out.flush()

    def give(self, value):
        # No line is longer than 1,000 bytes, an escaped byte takes three.
        for at in range(0, len(value), 300):
            self.say(b"D " + b"".join(b"%%%02X" % byte if byte in b"%\r\n" else bytes([byte]) for byte in value[at:at + 300]))

    def answer(self, word, rest):
        card = keys()
        if word in ("SERIALNO", "LEARN"):
            if card is None:
                return NO_CARD
            self.say(f"S SERIALNO {SERIAL}".encode())
        elif word == "SETDATA":
            value = bytes.fromhex(rest.split()[-1])
            self.data = self.data + value if rest.startswith("--append") else value
        elif word in ("PKDECRYPT", "PKSIGN"):
            key = (card or {}).get(rest.split()[-1])
            if key is None:
                return NO_CARD
            if word == "PKSIGN":
                fill = b"\xff" * (size(key) - len(self.data) - 3)
                self.give(power(key, b"\0\1" + fill + b"\0" + self.data))
            else:
                padded = power(key, self.data).lstrip(b"\0")
                assert padded[:1] == b"\2", "no padding of a decryption"
                self.say(b"S PADDING 0")
                self.give(padded[padded.index(b"\0") + 1:])
        elif (word, rest) == ("GETINFO", "socket_name"):
            self.give(SOCKET.encode())
        return "OK"

    def run(self):
        self.say(b"OK a card of software is ready")
        for line in self.lines:
            word, _, rest = line.decode().strip().partition(" ")
            with open(f"{here}/card.log", "a") as log:
                log.write(word + "\n")
            self.say(self.answer(word, rest).encode())
            if word == "BYE":
                break


def serve(listener):
    while True:
        connection, _ = listener.accept()
        session = Session(connection.makefile("rb"), connection.makefile("wb"))
        threading.Thread(target=session.run, daemon=True).start()


listener = socket.socket(socket.AF_UNIX)
if os.path.exists(SOCKET):
    os.unlink(SOCKET)
listener.bind(SOCKET)
listener.listen()
threading.Thread(target=serve, args=(listener,), daemon=True).start()
# The pipe is the agent itself: when it ends, so does this.
Session(sys.stdin.buffer, sys.stdout.buffer).run()
