"""How a process logs: one line of JSON a record, with the fields of agent.log_fields, and without personal data.

What customers write and who they are can reach a log in ways that no caller controls: an exception's words quote what
could not be stored, asyncio prints a lost exception, an access log prints the address with its token. So this is
settled once for the whole process and every library in it. The words of an exception are shown only where they are
ours; of every other the class and the place are left, which is what leads to a fault. Addresses that are in a line all
the same are blotted out.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from agent.errors import FteError, ProviderAway, SendAmbiguous, SendRejected
from agent.log_fields import RECORD_ATTRIBUTE, current_log_fields

_OURS = ("serve_app", "deployments", "agent", "models", "crm", "channels", "load")
# They quote what is sent and received: their lines hold addresses of services and customers' words.
_QUOTING = (
    "httpx",
    "httpx2",
    "httpcore",
    "httpcore2",
    "openai",
    "openai.agents",
    "googleapiclient",
    "twilio",
    "urllib3",
)
_ACCESS_LOG = "uvicorn.access"
_SERVE = "ray.serve"
_WORD = r"[^\s@\"'<>(){}\[\]=:;,]"
_ADDRESS = re.compile(rf"{_WORD}{{1,64}}@{_WORD}{{1,255}}\.{_WORD}{{2,}}|\+\d[\d ()-]{{6,18}}\d")
_TOKEN = re.compile(r"(token=|[Bb]earer )[^\s\"'&]+")
_CHAIN_MAX = 10
# Their words are the provider's.
_RELAYED = (ProviderAway, SendAmbiguous, SendRejected)

_make_record = logging.getLogRecordFactory()


def configure_logging(level: str, encoding: str = "json", process_fields: Mapping[str, str] | None = None) -> None:
    """Log to stderr, where Ray keeps each process's lines. `encoding` is `json` or `text`; `process_fields` are the
    deployment and the replica. `level` is that of our own loggers; libraries are heard from WARNING on."""
    formatter = JsonFormatter(process_fields or {}) if encoding == "json" else TextFormatter()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(logging.getLevelNamesMapping()[level], logging.WARNING))
    for name in _OURS:
        logging.getLogger(name).setLevel(level)
    for name in _QUOTING:
        logging.getLogger(name).setLevel(logging.ERROR)
    # Serve's logger has handlers of its own: the one for stderr speaks as we do, the one for its files is Serve's.
    for each in logging.getLogger(_SERVE).handlers:
        if type(each) is logging.StreamHandler:
            each.setFormatter(formatter)
    logging.captureWarnings(True)
    keep_quotations_out()


def keep_quotations_out() -> None:
    """From now on no record of this process, whoever formats it, holds an exception's foreign words or a query string,
    and what Python itself prints of exceptions goes through the log."""
    logging.setLogRecordFactory(_make_discreet_record)
    threading.excepthook = _log_thread_exception
    sys.unraisablehook = _log_unraisable


def describe_exception(error: BaseException) -> str:
    """Where it arose, its class and, where they are ours, its words; the exceptions that led to it before it."""
    return "\n".join(_describe_chain(error))


class JsonFormatter(logging.Formatter):
    """A line of JSON. What Serve writes too is called as there, which is how the Ray dashboard reads it; besides there
    are `logger` and the fields. `asctime` is UTC, `exc_text` what an exception tells."""

    def __init__(self, process_fields: Mapping[str, str]) -> None:
        super().__init__()
        self._process_fields = dict(process_fields)

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "asctime": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "levelname": record.levelname,
            "logger": record.name,
            "message": blot_out(record.getMessage()),
            **self._process_fields,
            "process": record.process,
            **fields_of(record),
        }
        if record.exc_text:
            line["exc_text"] = blot_out(record.exc_text)
        return json.dumps(line, default=_plain, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """The same for eyes: a line, its fields behind it, and an exception under it."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(asctime)s %(name)s %(process)d -- %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        line, newline, rest = blot_out(super().format(record)).partition("\n")
        fields = "".join(f" {name}={_as_word(value)}" for name, value in fields_of(record).items())
        return f"{line}{fields}{newline}{rest}"


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """The fields of the task that logs, and those of the line."""
    return {**current_log_fields(), **getattr(record, RECORD_ATTRIBUTE, {})}


def blot_out(text: str) -> str:
    """Without e-mail addresses, telephone numbers in international form and tokens."""
    if "@" not in text and "+" not in text and "token=" not in text and "earer " not in text:
        return text
    return _TOKEN.sub(r"\1[removed]", _ADDRESS.sub("[removed]", text))


def _make_discreet_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
    record = _make_record(*args, **kwargs)
    if record.exc_info and record.exc_info[1] is not None:
        # Every formatter takes this text, if it is there, for the exception's.
        record.exc_text = describe_exception(record.exc_info[1])
    if record.name == "asyncio":
        # Below its first line it prints the task, with the exception in it.
        record.msg = str(record.msg).partition("\n")[0]
    elif record.name == _ACCESS_LOG and isinstance(record.args, tuple) and len(record.args) == 5:
        # Neither the caller nor the path, which may hold anything; our own records name the route.
        _, method, _, version, status = record.args
        record.args = ("-", method, "-", version, status)
    return record


def _describe_chain(error: BaseException) -> Iterator[str]:
    chain: list[tuple[BaseException, str]] = []
    link = ""
    each: BaseException | None = error
    while each is not None and len(chain) < _CHAIN_MAX:
        chain.append((each, link))
        if each.__cause__ is not None:
            each, link = each.__cause__, "which led to:"
        elif each.__context__ is not None and not each.__suppress_context__:
            each, link = each.__context__, "while it was handled:"
        else:
            each = None
    for each, link in reversed(chain):
        yield _describe_one(each)
        if isinstance(each, BaseExceptionGroup):
            for number, inner in enumerate(each.exceptions, 1):
                yield f"{number} of {len(each.exceptions)} in it:"
                yield from _describe_chain(inner)
        if link:
            yield link


def _describe_one(error: BaseException) -> str:
    frames = "".join(traceback.format_tb(error.__traceback__))
    # What is the caller's fault may quote the caller; ours tell of our own state.
    ours = isinstance(error, FteError) and error.http_status >= 500 and not isinstance(error, _RELAYED)
    name = type(error).__qualname__
    return f"{frames}{name}: {error}" if ours else f"{frames}{name}"


def _log_thread_exception(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_value is not None:
        logging.getLogger(__name__).error("a thread ended with an exception", exc_info=arguments.exc_value)


def _log_unraisable(arguments: sys.UnraisableHookArgs) -> None:
    error: BaseException | None = arguments.exc_value
    where: TracebackType | None = arguments.exc_traceback
    if error is not None:
        logging.getLogger(__name__).error("an exception was ignored", exc_info=(type(error), error, where))


def _plain(value: object) -> object:
    return list(value) if isinstance(value, (tuple, set, frozenset)) else str(value)


def _as_word(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}"
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
