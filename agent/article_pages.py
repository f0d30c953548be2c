"""Where customers read an article: its own address, the help centre that is configured, or the pages of this system."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from agent.records import Passage

_SEPARATOR = " > "
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class ArticlePages:
    """`base` stands before a slug, and is empty where articles have no pages; `ours`: this system serves them."""

    base: str = ""
    ours: bool = False

    def address_of(self, slug: str, own: str, *, expired: bool = False) -> str:
        """The article's address, or ''. `own` is what its front matter names; one `expired` is on no page of ours."""
        if own or not self.base or (self.ours and expired):
            return own
        return f"{self.base.rstrip('/')}/{quote(slug)}"

    def is_ours(self, own: str, *, expired: bool = False) -> bool:
        """Whether an article with this address of its own is shown on a page of this system."""
        return self.ours and not own and not expired


NO_PAGES = ArticlePages()
"""Only articles that name an address are linked."""


def anchor_of(heading: str) -> str:
    """By which a section is linked: the words of its heading, in small letters; '' where there are none.

    Of 'Settings > Members' those after the last arrow, which is what a heading path keeps apart.
    """
    return "-".join(_WORD.findall(heading.rpartition(_SEPARATOR)[2].casefold()))


def section_address(passage: Passage) -> str:
    """The address of the passage's section where a page of ours has it, else that of its article."""
    if not passage.on_our_page or _SEPARATOR not in passage.heading_path:
        return passage.url
    anchor = anchor_of(passage.heading_path)
    return f"{passage.url}#{quote(anchor)}" if anchor else passage.url
