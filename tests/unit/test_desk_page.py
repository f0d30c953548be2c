"""The desk's files: the library is the one that was recorded, and nothing is loaded from elsewhere."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from deployments.web.static_files import load_folder

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deployments" / "desk_page"
OWN = sorted(path for path in FOLDER.rglob("*.js") if "vendor" not in path.parts)


def test_vendored_files_are_those_that_were_recorded() -> None:
    vendor = FOLDER / "vendor"
    recorded = dict(
        reversed(line.split("  ", 1)) for line in (vendor / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    )
    found = {
        path.relative_to(vendor).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in vendor.rglob("*")
        if path.is_file() and path.name != "SHA256SUMS"
    }
    assert found == recorded


@pytest.mark.parametrize("script", OWN, ids=lambda path: path.name)
def test_scripts_import_files_that_there_are_and_make_no_markup(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    for target in re.findall(r'from "([^"]+)"', text):
        assert target.startswith("."), f"{target} would need an import map"
        assert (script.parent / target).is_file(), target
    for maker in ("innerHTML", "outerHTML", "insertAdjacentHTML", "unsafe", "eval(", "document.write"):
        assert maker not in text, maker


def test_page_names_files_that_are_served() -> None:
    files = load_folder(FOLDER)
    page = files["index.html"].content.decode()
    named = re.findall(r'(?:src|href)="/desk/assets/([^"]+)"', page)
    assert named
    assert set(named) <= files.keys()
    assert "<style" not in page
    assert not re.search(r"<script(?![^>]* src=)", page), "the policy lets no inline script run"
