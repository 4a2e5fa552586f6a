"""Hostile text from the shared material, on every way out: shared_text.py ATTACKS PROGRAM.

Nothing that a terminal would obey, no cell that a spreadsheet would compute, no element that the page does not have by itself, no
file outside the folder that was chosen."""
import csv
import glob
import html.parser
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

attacks, program = sys.argv[1], os.path.abspath(sys.argv[2])
place = tempfile.mkdtemp(prefix="sealpost-text-")
os.chmod(place, 0o700)
OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
wrong = []
runs = 0


def write(name, data):
    path = os.path.join(place, name)
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, 0o600)
    return path


def run(*args, csv_lines=False, folder=place):
    global runs
    runs += 1
    env = {"PATH": os.environ["PATH"], "HOME": place, "TZ": "UTC", "USER": "alice"}
    command = [program, "--config", os.path.join(place, "config.toml"), *args]
    done = subprocess.run(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    for name, data in (("stdout", done.stdout), ("stderr", done.stderr)):
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            wrong.append(f"{args}: {name} is not UTF-8")
            continue
        if csv_lines and name == "stdout":
            text = text.replace("\r\n", "\n")
        for found in OBEYED.finditer(text):
            around = ascii(text[max(0, found.start() - 30) : found.end() + 30])
            wrong.append(f"{args}: {name} has {ascii(found.group())} at {around}")
            break
    if done.returncode not in (0, 1, 2, 3):
        wrong.append(f"{args}: exit {done.returncode}")
    return done.stdout.decode("utf-8", "replace")


keys = [p for p in glob.glob(f"{attacks}/made/keys/*") if "security" in p and "pub" not in p]
shutil.copy(keys[0], os.path.join(place, "team.pgp")) if keys else None
config = 'address = "security@example.org"\n[maildir]\npath = "inbox"\n[openpgp]\nsecret_keys = [%s]\n[ledger]\npath = "ledger.db"\n'
write("config.toml", (config % ('"team.pgp"' if keys else "")).encode())
if keys:
    os.chmod(os.path.join(place, "team.pgp"), 0o600)

mails = []
for folder in ("07-names", "08-terminal", "09-display-name", "10-injection"):
    mails += sorted(glob.glob(f"{attacks}/made/{folder}/*.eml"))
with open(f"{attacks}/blns/blns.json", encoding="utf-8") as file:
    naughty = [s for s in json.load(file) if s][::2]
for number, text in enumerate(naughty):
    one_line = text.replace("\r", " ").replace("\n", " ")
    quoted = one_line.replace("\\", "\\\\").replace('"', '\\"')
    mail = (
        f'From: "{quoted}" <n{number}@example.net>\r\nTo: security@example.org\r\nSubject: {one_line}\r\n'
        f"Message-ID: <n{number}@blns>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=bb\r\n\r\n"
        f"--bb\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
        f'--bb\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename="{quoted}"\r\n\r\nx\r\n--bb--\r\n'
    )
    mails.append(write(f"n{number}.eml", mail.encode("utf-8", "surrogatepass")))

for first in range(0, len(mails), 200):
    run("-v", "import", *mails[first : first + 200])
reports = json.loads(run("--json", "list", "--all"))["reports"]
run("list", "--all")
run("list", "--automatic")
run("key", "list")
run("audit")
for text in naughty[::8] + ["\x1b[31m", "\u202ex"]:
    if "\0" not in text and not text.startswith("-"):
        run("list", "--search", text)
        run("show", text)
        run("tag", "1", text)
        run("note", "1", text)
for mail in mails:
    run("open", mail)

saved = os.path.join(place, "saved")
os.mkdir(saved)
outside = {p for p in glob.glob(f"{place}/**", recursive=True, include_hidden=True)}
parts = 0
for report in reports:
    shown = json.loads(run("--json", "show", str(report["id"])))
    run("show", str(report["id"]))
    for message in shown["messages"]:
        for part in message["parts"]:
            chosen = os.path.join(saved, str(report["id"]), f"{message['id']}-{part['path']}")
            os.makedirs(chosen)
            said = run("--json", "save", str(report["id"]), f"{message['id']}:{part['path']}", folder=chosen)
            parts += 1
            inside = os.listdir(chosen)
            if len(inside) != 1 or json.loads(said).get("file") != inside[0]:
                wrong.append(f"save of {report['id']} {part['path']} {part['name']!a}: {inside} {said}")
                continue
            name = inside[0]
            if OBEYED.search(name) or re.match(r"[.\-~]|(?i:con|prn|aux|nul|com\d|lpt\d)(\.|$)", name) or len(name.encode()) > 200:
                wrong.append(f"save made {name!a}")
            if os.stat(os.path.join(chosen, name)).st_mode & 0o777 != 0o600:
                wrong.append(f"save made {name!a} with another mode")
now = {p for p in glob.glob(f"{place}/**", recursive=True, include_hidden=True) if not p.startswith(saved + "/")}
strays = {p for p in now - outside if not os.path.basename(p).startswith("ledger.")}
if strays or os.path.exists("/tmp/sealpost-pwned"):
    wrong.append(f"outside the folder: {sorted(strays)}")

table = list(csv.reader(io.StringIO(run("list", "--all", "--csv", csv_lines=True), newline=""), strict=True))
if len(table) != len(reports) + 1 or {len(row) for row in table} != {len(table[0])}:
    wrong.append(f"the table has {len(table)} rows of {sorted({len(row) for row in table})}")
for row in table:
    for cell in row:
        if re.match(r"\s*[=+@\t\r\uff1d\uff0b\uff0d\uff20]|\s*-(?!\d+$)", cell):
            wrong.append(f"a cell is computed: {cell!a}")
by_id = {row[0]: row for row in table[1:]}
for report in reports:
    if report["subject"].strip() and not by_id[str(report["id"])][3].strip():
        wrong.append(f"the subject of {report['id']} is not in the table")


class Elements(html.parser.HTMLParser):
    seen = set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        if any(name.startswith("on") or name in ("href", "src", "style") for name, _ in attrs):
            wrong.append(f"the page has {tag} with {attrs}")


page = run("report", "--html", "-")
Elements().feed(page)
known = set("html head meta title style body main h1 h2 p section div b span table tr th td small figure svg line g rect text figcaption".split())
if Elements.seen - known or "svg" not in Elements.seen:
    wrong.append(f"the page has {sorted(Elements.seen - known)}")

print(f"{len(mails)} mails, {len(reports)} reports, {parts} parts saved, {runs} runs: {len(wrong)} wrong")
print("\n".join(wrong[:40]))
shutil.rmtree(place)
sys.exit(1 if wrong else 0)
