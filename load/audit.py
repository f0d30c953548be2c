"""`python -m load.audit FOLDER…`: the auditor over what load generators sent, against the database of the settings.

For runs that were not started by `load.run`, such as distributed ones against a cluster: each FOLDER holds the files
that Locust wrote with `--sent`. Ends with status 1 when the auditor found anything.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from agent.errors import ConfigurationInvalid, FteError
from crm.audit import AuditReport, audit
from crm.database import Database
from load.figures import Figures
from load.sent_log import SentLine, read_sent
from serve_app.settings import Settings, load_settings


async def audit_sent(settings: Settings, lines: Sequence[SentLine], *, settled: bool) -> AuditReport:
    """What else the database holds is no finding: others may have written meanwhile."""
    database = Database(settings.dsn(), settings.times, "fte-audit", pool_size=1)
    try:
        threads = await Figures(database).thread_keys()
        return await audit(database, [line.as_message(threads) for line in lines], settled=settled)
    finally:
        await database.close()


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m load.audit", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="+", help="with the sent-*.jsonl of one or more load generators")
    parser.add_argument("--settled", action="store_true", help="everything must be answered and delivered by now")
    options = parser.parse_args(arguments)
    files = [file for folder in options.folder for file in sorted(folder.glob("sent-*.jsonl"))]
    try:
        if not files:
            raise ConfigurationInvalid("no sent-*.jsonl there; give the folders that Locust's --sent named")
        report = asyncio.run(audit_sent(load_settings(), read_sent(files), settled=options.settled))
    except FteError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    print(report)
    return 0 if report.clean else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
