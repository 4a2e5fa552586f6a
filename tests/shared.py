"""Runs the shared checkers and compares what they list with tests/known/*.txt: shared.py CHECKERS PROGRAM.

A line of a list is `name: reason`; a checker's line is `name: what is wrong`. Every difference must be listed, and every
listed one must still be there, so that the lists neither hide nor rot."""
import collections
import os
import subprocess
import sys

checkers, program = sys.argv[1], sys.argv[2]
known = os.path.join(os.path.dirname(os.path.abspath(__file__)), "known")


def listed(name):
    path = os.path.join(known, f"{name}.txt")
    if not os.path.exists(path):
        return set()
    with open(path, encoding="utf-8") as lines:
        entries = [line.split(": ", 1) for line in lines if line.strip() and not line.startswith("#")]
    unreasoned = [e[0] for e in entries if len(e) < 2 or not e[1].strip()]
    if unreasoned:
        sys.exit(f"{path}: without a reason: {unreasoned}")
    return {e[0] for e in entries}


def found(lines):
    """The names a checker lists; policies.py names `file: field …`, and both together are the name."""
    names = collections.OrderedDict()
    for line in lines:
        name, separator, rest = line.partition(": ")
        if separator:
            names[name] = rest
    return names


def run(name):
    command = [sys.executable, os.path.join(checkers, f"{name}.py"), program, "--list"]
    output = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if output.returncode != 0:
        sys.exit(f"{name}.py failed:\n{output.stdout}{output.stderr}")
    return output.stdout.splitlines()




def differences(name, lines):
    if name == "corpus":
        # The table comes first; a difference is named by an id with a slash.
        return found(line for line in lines if "/" in line.split(": ")[0] and not line.startswith("opened right"))
    if name == "attacks":
        return found(line for line in lines if "(exit " in line)
    return found(line for line in lines if " not " in line or "exit " in line)


failed = False
for name in ("corpus", "attacks", "policies"):
    lines = run(name)
    wrong = differences(name, lines)
    print(f"\n== shared: {name}")
    print("\n".join(line for line in lines if line.partition(": ")[0] not in wrong))
    expected = listed(name)
    for entry in sorted(set(wrong) - expected):
        failed = True
        print(f"NEW: {entry}: {wrong[entry]}")
    for entry in sorted(expected - set(wrong)):
        failed = True
        print(f"NO LONGER THERE, take it off tests/known/{name}.txt: {entry}")
    print(f"{len(expected & set(wrong))} differences stand, each with its reason in tests/known/{name}.txt")
sys.exit(1 if failed else 0)
