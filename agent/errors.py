"""Every error that a caller can act on: one class each, with the HTTP status and whether a retry can help.

Ray pickles errors between processes, so each constructor's arguments equal `args`.
"""

from __future__ import annotations


class FteError(Exception):
    """Base of all errors of this project. `args[0]` is a sentence for the person who will read it."""

    http_status: int = 500
    retryable: bool = False
    retry_after_s: int = 2


class BadInput(FteError):
    """What a sender gave cannot be accepted. `args` are the field's name and what is wrong with it."""

    http_status = 422

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(field, problem)
        self.field = field
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}"


class NotAuthorized(FteError):
    """The request carries no valid operator key."""

    http_status = 401


class SignatureInvalid(FteError):
    """A webhook's signature does not verify."""

    http_status = 403


class NotFound(FteError):
    """Nothing with that id exists, or the caller may not know that it does."""

    http_status = 404


class Conflict(FteError):
    """The request contradicts what is stored (an idempotency key with another body, a state that forbids it)."""

    http_status = 409


class PayloadTooLarge(FteError):
    """The request body is over the size limit."""

    http_status = 413


class RateLimited(FteError):
    """Too many requests from one sender or to one recipient."""

    http_status = 429
    retryable = True


class DependencyAway(FteError):
    """Something that the work needs does not answer now: a database, a model, a provider."""

    http_status = 503
    retryable = True


class DatabaseAway(DependencyAway):
    """Postgres does not answer now."""


class EmbeddingAway(DependencyAway):
    """The embedding model does not answer now."""


class ModelAway(DependencyAway):
    """The language model does not answer now. `perhaps_billed` when it may have worked on the request all the same."""

    def __init__(self, message: str, perhaps_billed: bool = False) -> None:
        super().__init__(message, perhaps_billed)
        self.perhaps_billed = perhaps_billed

    def __str__(self) -> str:
        return str(self.args[0])


class ModelRefuses(ModelAway):
    """The language model's server will not work on this request and says so; it may work on others."""


class ModelResting(ModelAway):
    """The language model failed so often that it is left alone for a while."""


class ModelCeilingReached(ModelAway):
    """The day's ceiling leaves no room for another call of the language model."""


class ProviderAway(DependencyAway):
    """A channel's provider does not answer now, and the request certainly did not reach it."""


class ProviderBusy(ProviderAway):
    """A channel's provider refuses for now. `pause_s` is what it asks to wait at least, 0 where it says nothing."""

    def __init__(self, message: str, pause_s: float = 0.0) -> None:
        super().__init__(message, pause_s)
        self.pause_s = pause_s

    def __str__(self) -> str:
        return str(self.args[0])


class NeedsReauth(ProviderBusy):
    """The provider no longer takes the channel's credentials: a person must authorise it anew, which takes a while."""

    def __init__(self, message: str, pause_s: float = 300.0) -> None:
        super().__init__(message, pause_s)


class ChannelTroubled(FteError):
    """A channel works in part, or not for long, until an operator sees to it."""


class SendAmbiguous(FteError):
    """A send whose request may have reached the provider: look it up, never simply retry."""


class SendRejected(FteError):
    """The provider refused the message for good."""


class FenceLost(FteError):
    """Another holder claimed the customer's work, or a person took over: nothing of this turn may be written."""


class RecipientOptedOut(SendRejected):
    """The provider says that the recipient does not want to be written to."""


class MediaUnavailable(FteError):
    """A file that a message names is not there yet, or its host does not answer; it may be later."""

    retryable = True


class MediaRefused(FteError):
    """A file that a message names is not taken: its address, its kind or its size."""


class LeaseLost(FteError):
    """Another courier has the outbox row now: nothing more may be sent under the old lease."""


class TextTooLong(FteError):
    """A text is over the embedding model's token limit: nothing is cut silently."""

    http_status = 422


class ModelMisbehaved(FteError):
    """A language model answered something that cannot be used; the turn ends in an escalation.

    `took` are the input tokens, output tokens and requests that its server told of all the same.
    """

    def __init__(self, message: str, took: tuple[int, int, int] | None = None) -> None:
        super().__init__(message, took)
        self.took = took

    def __str__(self) -> str:
        return str(self.args[0])


class ConfigurationInvalid(FteError):
    """Settings contradict each other or miss something; the sentence says what to set."""
