"""`python -m load.dense_search`: the benchmark's search section alone, over as many chunks as wanted."""

from __future__ import annotations

import argparse
import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from load.console import Steps, print_result
from load.measure.search import CHUNKS, measure_search
from load.results import Result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=CHUNKS)
    parser.add_argument("--out", type=Path, help="a file for the result as JSON")
    arguments = parser.parse_args()
    console = Console()
    with Steps(Console(stderr=True)) as steps:
        section = asyncio.run(measure_search(steps.next, chunks=arguments.chunks))
    result = Result(datetime.now(UTC).isoformat(timespec="seconds"), {}, [section])
    print_result(console, result)
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(result.as_json(), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
