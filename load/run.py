"""`python -m load.run`: a minute of the Locust scenarios against a system of their own, then the auditor.

Ends with status 1 when Locust saw failures, something stayed unanswered, or the auditor found anything.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from crm.audit import audit
from load.console import print_result
from load.figures import Figures
from load.load_report import LoadRun, read_requests, to_result
from load.report_page import render_page
from load.sent_log import read_sent
from load.settling import drain, warm_up
from load.system import System, workbench
from serve_app.settings import CHECKOUT, inherited_environment

_ANSWER_PATIENCE_S = 90.0
# Beyond the run's own time: users who still wait for a reply, and the report.
_STOP_PATIENCE_S = 90.0


async def run(console: Console, *, users: int, seconds: int, report: Path) -> list[str]:
    """Writes the reports; returns what is wrong, as sentences, none when all is well."""
    async with workbench() as bench:
        console.print("starting a system for the load run")
        async with bench.serve() as system:
            sent = await asyncio.to_thread(_make_folder, system.home / "sent")
            figures = Figures(system.database)
            first = await warm_up(system)
            mark = await figures.mark()
            locust_page = report.with_name(f"{report.stem}-locust.html")
            code = await _run_locust(system, users, seconds, locust_page, sent)
            problems = [] if code == 0 else [f"Locust ended with status {code}: requests failed"]
            with console.status("waiting until everything is answered"):
                began = time.monotonic()
                settled = await drain(system, _ANSWER_PATIENCE_S)
                settled_after_s = time.monotonic() - began if settled else None
            if not settled:
                problems.append(f"messages were still unanswered {_ANSWER_PATIENCE_S:g} s after the run")
            threads = await figures.thread_keys()
            lines = await asyncio.to_thread(lambda: read_sent(sent.glob("sent-*.jsonl")))
            messages = [line.as_message(threads) for line in [*first, *lines]]
            found = await audit(system.database, messages, settled=settled, complete=True)
            problems += found.findings
            requests = await asyncio.to_thread(read_requests, sent / "requests.json")
            recorded = await figures.recorded_since(mark)
            ended = LoadRun(users, seconds, requests, recorded, found, settled_after_s, locust_page.name)
            result = to_result(ended, problems)
            await asyncio.to_thread(report.write_text, render_page(result, "Load run"), "utf-8")
            print_result(console, result)
            return problems


def _make_folder(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


async def _run_locust(system: System, users: int, seconds: int, page: Path, sent: Path) -> int:
    command = [
        sys.executable, "-m", "locust", "-f", str(CHECKOUT / "load" / "locustfile.py"), "--headless",
        "--host", f"http://127.0.0.1:{system.port}", "--users", str(users), "--spawn-rate", str(max(1, users // 5)),
        "--run-time", f"{seconds}s", "--stop-timeout", "40", "--html", str(page), "--only-summary",
        "--json-file", str(sent / "requests"), "--sent", str(sent), "--exit-code-on-error", "1",
    ]  # fmt: skip
    environment = inherited_environment({"FTE_OPERATOR_KEY": system.operator_key, "PYTHONPATH": str(CHECKOUT)})
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdin=asyncio.subprocess.DEVNULL)
    try:
        return await asyncio.wait_for(process.wait(), seconds + _STOP_PATIENCE_S)
    except TimeoutError:
        return -1
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m load.run", description=__doc__)
    parser.add_argument("--users", type=int, default=40, help="users at once: customers, and one person at the desk")
    parser.add_argument("--seconds", type=int, default=60, help="how long the load lasts")
    parser.add_argument("--report", type=Path, default=CHECKOUT / "reports" / "load.html")
    options = parser.parse_args(arguments)
    options.report.parent.mkdir(parents=True, exist_ok=True)
    console = Console()
    problems = asyncio.run(run(console, users=options.users, seconds=options.seconds, report=options.report))
    console.print(f"report: {options.report}")
    console.print(
        "[red]the load run found problems[/red]" if problems else "[green]nothing lost, nothing doubled[/green]"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
