"""A turn as a model reads it: the customer's words and the results of tools, found among the input items."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.text.data import disclose
from models.relevance import Found


@dataclass(frozen=True, slots=True)
class SeenSearch:
    query: str
    matched: bool
    needed: float
    """The cosine that counts as a match for the embedding model in use."""
    left: int
    passages: tuple[Found, ...]


@dataclass(slots=True)
class Seen:
    """`brief`: the channel wants very short answers. `product` is how the instructions name it."""

    text: str = ""
    brief: bool = False
    product: str = ""
    sentiment: float = 0.0
    ticket: Mapping[str, Any] = field(default_factory=dict)
    history: list[Mapping[str, Any]] = field(default_factory=list)
    searches: list[SeenSearch] = field(default_factory=list)
    wording: str = ""
    """The question without slips of the pen, once they are mended."""

    @property
    def question(self) -> str:
        """What the first search looked for: the matter, with the earlier question of a terse follow-up."""
        return self.wording or (self.searches[0].query if self.searches else self.text)

    @property
    def may_search(self) -> bool:
        return bool(self.searches) and self.searches[-1].left > 0

    @property
    def matched(self) -> bool:
        return any(search.matched for search in self.searches)

    @property
    def passages(self) -> list[Found]:
        """Of all searches, each once."""
        unique: dict[tuple[str, str], Found] = {}
        for search in self.searches:
            for passage in search.passages:
                known = unique.get((passage.article, passage.text))
                if known is None or passage.similarity > known.similarity:
                    unique[passage.article, passage.text] = passage
        return list(unique.values())

    @property
    def needed(self) -> float:
        return self.searches[0].needed if self.searches else 0.0


def read(instructions: str, items: Iterable[Mapping[str, Any]]) -> Seen:
    """Read a model's input. What is malformed or of an unknown tool is passed over."""
    seen = Seen(brief="\nWhatsApp:" in instructions, product=_product(instructions))
    names: dict[str, str] = {}
    for item in items:
        kind = item.get("type")
        if item.get("role") == "user" and isinstance(item.get("content"), str):
            seen.text = disclose(str(item["content"]))
        elif kind == "function_call":
            names[str(item["call_id"])] = str(item["name"])
        elif kind == "function_call_output":
            _take_output(seen, names.get(str(item["call_id"]), ""), item.get("output"))
    return seen


def _take_output(seen: Seen, tool: str, output: Any) -> None:
    try:
        result = json.loads(output)
    except (TypeError, ValueError):
        return
    if not isinstance(result, dict) or "error" in result:
        return
    if tool == "create_ticket":
        seen.ticket = result
    elif tool == "get_customer_history":
        seen.history = list(result.get("messages", ()))
    elif tool == "analyze_sentiment":
        seen.sentiment = float(result.get("score") or 0.0)
    elif tool == "search_knowledge_base":
        seen.searches.append(
            SeenSearch(
                str(result.get("query", "")),
                bool(result.get("matched")),
                float(result.get("similarity_needed", 0.0)),
                int(result.get("searches_left", 0)),
                tuple(_found(passage) for passage in result.get("passages", ())),
            )
        )


def _found(passage: Mapping[str, Any]) -> Found:
    return Found(
        article=str(passage.get("article", "")),
        title=str(passage.get("title", "")),
        section=str(passage.get("section", "")),
        text=str(passage.get("text", "")),
        similarity=float(passage.get("similarity") or 0.0),
    )


def _product(instructions: str) -> str:
    """'You are A, who answers customers of P by C.' gives P."""
    _, _, rest = instructions.partition("who answers customers of ")
    return rest.partition(" by ")[0] if rest else ""
