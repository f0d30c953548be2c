"""Try collections of attacking texts: `python -m tests.eval.attacks PATH...` (docs/howto/evaluate.md).

Each argument is a collection: a folder or a file of texts, which `--git DIR:PATH` reads out of a repository without a
work tree. Ends with 1 when anything leaked or was done that is forbidden.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from io import BytesIO
from pathlib import Path

from agent.errors import BadInput
from tests.eval.attack_texts import AttackText, read_texts
from tests.eval.attack_turns import Tally, Way, try_text


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.eval.attacks", description=__doc__)
    parser.add_argument("collections", nargs="+", help="a folder, a file, or with --git DIR:PATH of a repository")
    parser.add_argument("--git", action="store_true", help="the collections are DIR:PATH, in DIR's newest commit")
    parser.add_argument("--field", default="", help="the column or key that has the text")
    parser.add_argument("--ways", default="message,article,attachment", help="how the texts come to the model")
    parser.add_argument("--offset", type=int, default=0, help="texts of each collection to leave out at its beginning")
    parser.add_argument("--limit", type=int, default=0, help="texts of each collection to try; all without")
    parser.add_argument("--offline-only", action="store_true", help="without the model that obeys")
    parser.add_argument("--out", type=Path, help="a file for what was found, as JSON lines")
    given = parser.parse_args()
    try:
        ways = [Way(way) for way in given.ways.split(",")]
        total = Tally()
        for name in given.collections:
            texts = _read_collection(name, given.field, in_git=given.git)[given.offset :]
            tally = asyncio.run(_try_all(texts[: given.limit or None], ways, obeys=not given.offline_only))
            _tell(name, tally)
            total.findings += tally.findings
            total.texts += tally.texts
    except (BadInput, ValueError) as error:
        print(f"attacks: {error}", file=sys.stderr)
        return 2
    if given.out:
        with given.out.open("a", encoding="utf-8") as out:
            for text, finding in total.findings:
                record = {
                    "way": finding.way,
                    "model": finding.model,
                    "what": finding.what,
                    "evidence": finding.evidence,
                }
                out.write(json.dumps({**record, "text": text}, ensure_ascii=False) + "\n")
    return 1 if total.findings else 0


def _read_collection(name: str, field: str, *, in_git: bool) -> list[AttackText]:
    if not in_git:
        return read_texts(Path(name), field)
    repository, _, path = name.rpartition(":")
    command = ["git", "--git-dir", repository, "archive", "HEAD", path]
    packed = subprocess.run(command, capture_output=True, check=False)
    if packed.returncode:
        raise BadInput(name, packed.stderr.decode(errors="replace").strip())
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=BytesIO(packed.stdout)) as files:
        files.extractall(folder, filter="data")
        return read_texts(Path(folder) / path, field)


async def _try_all(texts: list[AttackText], ways: list[Way], *, obeys: bool) -> Tally:
    tally = Tally()
    for each in texts:
        tally.findings += [(each.text, found) for found in await try_text(each.text, tally, ways, obeys=obeys)]
    return tally


def _tell(name: str, tally: Tally) -> None:
    kinds = Counter(f"{found.model.partition(' ')[0]}: {found.what}" for _, found in tally.findings)
    print(
        f"{name}: {tally.texts} texts, {tally.turns} turns, {tally.replies} replies, {tally.handed_over} handed over, "
        f"{tally.quoted} planted articles quoted, {len(tally.findings)} findings {dict(kinds) if kinds else ''} "
        f"({time.process_time():.0f} s)",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
