"""Every setting, metric and command is documented, and the links between pages lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from serve_app.cli import app
from serve_app.settings import Settings

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
PAGES = sorted(
    [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("load/*.md"),
        *ROOT.glob("knowledge/*.md"),
    ]
)


def test_every_setting_is_documented() -> None:
    text = (REFERENCE / "settings.md").read_text(encoding="utf-8")
    names = {field.validation_alias or name.upper() for name, field in Settings.model_fields.items()}
    assert {name for name in names if f"`{name}`" not in text} == set()


def test_every_documented_setting_exists() -> None:
    text = (REFERENCE / "settings.md").read_text(encoding="utf-8")
    documented = {name for line in text.splitlines() if line.startswith("| `") for name in _names(line)}
    assert documented == {field.validation_alias or name.upper() for name, field in Settings.model_fields.items()}


def _names(row: str) -> list[str]:
    return re.findall(r"`([A-Z][A-Z0-9_]+)`", row.split("|")[1])


def test_every_command_is_documented() -> None:
    text = (REFERENCE / "commands.md").read_text(encoding="utf-8")
    group = typer.main.get_command(app)
    names = []
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        names += [f"{name} {sub}" for sub in getattr(command, "commands", {})] or [name]
    assert {name for name in names if f"fte {name}" not in text} == set()


def test_every_metric_is_documented() -> None:
    source = (ROOT / "deployments" / "web" / "exposition.py").read_text(encoding="utf-8")
    text = (REFERENCE / "metrics.md").read_text(encoding="utf-8")
    names = set(re.findall(r'"(fte_[a-z_]+)"', source))
    assert names
    assert {name for name in names if f"`{name}" not in text} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert {target for target in targets if not (page.parent / target).exists()} == set()
