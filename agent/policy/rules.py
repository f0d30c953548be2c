"""The escalation rules as data: what knowledge/escalation_rules.yaml may say, checked when it is read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from agent.errors import ConfigurationInvalid
from agent.records import ReasonCode, Severity, Team

Sentence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]

UNRULED = frozenset(
    {ReasonCode.TAKEN_OVER, ReasonCode.UNHAPPY_SILENCE, ReasonCode.NOT_SOLVED, ReasonCode.UNPROVEN_SENDER}
)


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rule(_Strict):
    """One reason to hand over. The order of the rules decides between several that match."""

    reason: ReasonCode
    team: Team
    severity: Severity
    patterns: tuple[str, ...] = ()
    """Regular expressions over one normalised sentence."""
    unless: tuple[str, ...] = ()
    """Where one of these is in the sentence too, no pattern of this rule counts."""
    other_languages: tuple[str, ...] = ()
    """Regular expressions over one sentence in lower case without accents, in languages that no exemplar has."""
    other_languages_unless: tuple[str, ...] = ()
    """Where one of these is in the sentence too, none of `other_languages` counts."""
    exemplars: tuple[Sentence, ...] = ()
    """Sentences that mean this."""
    unlike: tuple[Sentence, ...] = ()
    """Ordinary sentences that look alike."""

    @model_validator(mode="after")
    def _check_patterns(self) -> Self:
        for pattern in (*self.patterns, *self.unless, *self.other_languages, *self.other_languages_unless):
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"the pattern {pattern!r} is no regular expression: {error}") from error
        return self


class ModelThresholds(_Strict):
    """What cosines and leads mean for one embedding model."""

    match: float = Field(ge=-1.0, le=1.0)
    """The cosine below which a search of the knowledge matches nothing."""
    meaning: float | None = None
    """The lead over the ordinary from which a reason counts as meant; None: found from the exemplars."""


class PolicyRules(_Strict):
    negative_threshold: float = Field(ge=-1.0, lt=0.0)
    negative_exchanges: int = Field(ge=1)
    gap_searches: int = Field(ge=1)
    false_alarms: float = Field(gt=0.0, lt=0.5)
    """The share of ordinary exemplars that may look like a reason, where no `meaning` is given."""
    wording_bonus: float = Field(ge=0.0, le=1.0)
    """What a pattern in the sentence adds to its rule's lead."""
    embedding_models: Mapping[str, ModelThresholds]
    """By model id; `other` stands for every model that is not named."""
    rules: tuple[Rule, ...]
    ordinary: tuple[Sentence, ...]

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        reasons = [rule.reason for rule in self.rules]
        for reason in ReasonCode:
            wanted = 0 if reason in UNRULED else 1
            if reasons.count(reason) != wanted:
                raise ValueError(f"{reason}: {reasons.count(reason)} rules, needed {wanted}")
        if "other" not in self.embedding_models:
            raise ValueError("embedding_models: 'other' is missing, the thresholds of every model not named")
        seen: dict[str, str] = {}
        for label, sentence in self.labelled():
            if seen.setdefault(sentence, label) != label:
                raise ValueError(f"{sentence!r} is given both as {seen[sentence]} and as {label}")
        if len(set(seen.values())) < 2:
            raise ValueError("exemplars of reasons and ordinary sentences are both needed")
        return self

    def labelled(self) -> Iterator[tuple[str, str]]:
        """Every exemplar as (label, sentence): a reason code, or `ordinary`."""
        for rule in self.rules:
            for sentence in rule.exemplars:
                yield rule.reason.value, sentence
            for sentence in rule.unlike:
                yield ORDINARY, sentence
        for sentence in self.ordinary:
            yield ORDINARY, sentence


ORDINARY = "ordinary"


def read_yaml(path: Path, what: str) -> object:
    """Raises ConfigurationInvalid saying of `what` that it cannot be read, or is no YAML."""
    try:
        # The loader in C takes a tenth of the second that the other one does for thousands of exemplars.
        return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationInvalid(f"{what} {path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigurationInvalid(f"{what} {path} are no YAML: {error}") from error


def read_rules(path: Path) -> PolicyRules:
    """Raises ConfigurationInvalid naming the file and the rule that is wrong."""
    data = read_yaml(path, "the escalation rules")
    try:
        return PolicyRules.model_validate(data)
    except ValidationError as error:
        problems = "; ".join(_describe(problem, data) for problem in error.errors())
        raise ConfigurationInvalid(f"the escalation rules {path} are invalid: {problems}") from error


def _describe(problem: Mapping[str, Any], data: object) -> str:
    """Where it is and what is wrong; a rule is named by its reason, which people look for, not by its number."""
    place = [str(part) for part in problem["loc"]]
    match problem["loc"]:
        case ("rules", int(index), *rest) if isinstance(data, dict):
            rule = data["rules"][index]
            name = rule.get("reason", f"number {index + 1}") if isinstance(rule, dict) else f"number {index + 1}"
            place = [f"rule {name}", *map(str, rest)]
    return f"{': '.join(place)}: {problem['msg']}" if place else str(problem["msg"])
