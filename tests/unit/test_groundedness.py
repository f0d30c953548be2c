"""How much of an answer its articles say."""

from __future__ import annotations

import pytest

from models.groundedness import measure_support

ARTICLE = """\
Exporting your data
Open the board's menu and select Export. The download starts at once. The link is valid for 3 days.
Large boards with attachments take up to 1,000 seconds.
"""


@pytest.mark.parametrize(
    ("answer", "unsupported"),
    [
        ("1. Open the board's menu.\n2. Select Export.", 0),
        ("The links are valid for 3 days.", 0),
        ("The link is valid for 30 days.", 1),
        ("Export is included in every plan, with nightly backups to your own cloud storage.", 1),
        ("Yes.\nHere is how:\nOpen the board's menu and select Export.", 0),
        ("It takes up to 1,000 seconds.", 0),
        ("Ask 4.", 1),
    ],
)
def test_what_no_article_says_is_found(answer: str, unsupported: int) -> None:
    support = measure_support(answer, [ARTICLE])
    assert len(support.unsupported) == unsupported
    assert support.sentences == support.supported + unsupported


def test_greeting_and_signature_are_not_counted() -> None:
    frame = ["Hello Ada Lovelace,\n\n", "\n\nBest wishes from the whole support department\nThe assistant"]
    answer = f"{frame[0]}Select Export in the menu.{frame[1]}"
    assert measure_support(answer, [ARTICLE], frame).sentences == 1
    assert len(measure_support(answer, [ARTICLE]).unsupported) > 0
