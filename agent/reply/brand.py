"""Who speaks, and how: the front matter of `knowledge/brand_voice.md`, its body for the language model."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import frontmatter
from pydantic import BaseModel, ConfigDict, ValidationError

from agent.errors import ConfigurationInvalid
from agent.records import Channel


class ChannelTexts(BaseModel):
    """One text per channel. An empty one is left out of the reply."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    email: str = ""
    whatsapp: str = ""
    web_form: str = ""

    def on(self, channel: Channel) -> str:
        text: str = getattr(self, channel.value)
        return text.strip()


class Brand(BaseModel):
    """`greeting` may hold `{name}`, the customer's first name; a sentence that cannot be filled drops it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    company: str
    product: str
    assistant_name: str
    greeting: ChannelTexts
    greeting_without_name: ChannelTexts = ChannelTexts()
    """Where the name is unknown and `greeting` without it would not read well."""
    closing: ChannelTexts
    signature: ChannelTexts
    competitors: tuple[str, ...] = ()
    """Products that are neither compared with ours nor recommended; their names may stand where an article has them."""
    voice: str = ""
    """The body of the file: how to write, in words for a model."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raises ConfigurationInvalid when the file is missing or lacks a key."""
        try:
            post = frontmatter.loads(path.read_text(encoding="utf-8"))
            return cls.model_validate({**post.metadata, "voice": post.content.strip()})
        except OSError as error:
            raise ConfigurationInvalid(f"cannot read the brand voice at {path}: {error.strerror}") from error
        except ValidationError as error:
            fields = ", ".join(".".join(map(str, problem["loc"])) for problem in error.errors())
            raise ConfigurationInvalid(f"the brand voice at {path} lacks or misnames: {fields}") from error
