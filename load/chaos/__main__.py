"""`python -m load.chaos`: kill processes of the running copy under load, and audit it."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Annotated

import typer
from rich.console import Console

from agent.errors import FteError
from load.chaos.report import print_verdict
from load.chaos.run import Plan, run_chaos
from load.chaos.strikes import Kill
from load.chaos.victims import POSTGRES, RAY_ITSELF, USUAL, Kind
from serve_app.settings import load_settings


def chaos(
    seed: Annotated[int, typer.Option(help="The same seed gives the same schedule.")] = 1,
    minutes: Annotated[float, typer.Option(help="Go on for so long; every kind once in any case.")] = 0.0,
    rate: Annotated[float, typer.Option(help="Messages per second.")] = 8.0,
    overlap: Annotated[float, typer.Option(help="Share of kills that do not wait for the last recovery.")] = 0.0,
    kind: Annotated[list[Kind] | None, typer.Option(help="Only these kinds; may be repeated.")] = None,
    ray_too: Annotated[bool, typer.Option(help="Kill Ray's own processes too.")] = False,
) -> None:
    """Kill processes of the copy that runs under FTE_HOME while customers write to it, then audit what is stored.

    For a copy that holds nothing but test data: what the customers write stays in its database.
    """
    settings = load_settings()
    console = Console()
    kinds = kind or [*USUAL, *(RAY_ITSELF if ray_too else ())]
    # Another's database server is not ours to kill.
    kinds = [each for each in kinds if settings.embedded or each not in POSTGRES]
    began = time.monotonic()

    killed: list[Kill] = []

    def show(kill: Kill) -> None:
        if not any(kill is each for each in killed):
            killed.append(kill)
            what = "killed" if kill.pid else "is not there"
        else:
            what = "is not back" if kill.back_s is None else f"back after {kill.back_s:.1f} s"
        console.print(f"{time.monotonic() - began:6.1f} s  {kill.kind.value:18} {what}", highlight=False)

    plan = Plan(seed=seed, kinds=kinds, rate_per_s=rate, duration_s=60 * minutes, overlap=overlap)
    console.print(f"seed {seed}", highlight=False)
    verdict = asyncio.run(run_chaos(settings.home, settings.dsn(), plan, show))
    print_verdict(console, verdict)
    if verdict.problems:
        raise typer.Exit(1)


def main() -> None:
    try:
        typer.run(chaos)
    except FteError as error:
        sys.stderr.write(f"chaos: {error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
