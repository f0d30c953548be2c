"""Reading what a process logs, and leaving the test runner's own logging as it was."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def restored_logging() -> Iterator[None]:
    """Whatever the block sets up of this process's logging is undone at its end."""
    root = logging.getLogger()
    factory, hooks = logging.getLogRecordFactory(), (threading.excepthook, sys.unraisablehook)
    handlers, level = root.handlers[:], root.level
    loggers = {name: each for name, each in logging.root.manager.loggerDict.items() if isinstance(each, logging.Logger)}
    before = {name: (each.level, each.handlers[:], each.propagate, each.disabled) for name, each in loggers.items()}
    formatters = {handler: handler.formatter for each in (root, *loggers.values()) for handler in each.handlers}
    show_warning = warnings.showwarning
    try:
        yield
    finally:
        logging.captureWarnings(False)
        warnings.showwarning = show_warning
        logging.setLogRecordFactory(factory)
        threading.excepthook, sys.unraisablehook = hooks
        root.handlers, root.level = handlers, level
        for name, each in logging.root.manager.loggerDict.items():
            if isinstance(each, logging.Logger):
                each.level, each.handlers, each.propagate, each.disabled = before.get(
                    name, (logging.NOTSET, [], True, False)
                )
        for handler, formatter in formatters.items():
            handler.formatter = formatter
        logging.root.manager._clear_cache()  # type: ignore[attr-defined]


def forget_loggers(name: str) -> None:
    """Leave a logger and those below it as a new process has them, whatever earlier tests set up."""
    for known, logger in logging.root.manager.loggerDict.items():
        if isinstance(logger, logging.Logger) and (known == name or known.startswith(f"{name}.")):
            logger.level, logger.handlers, logger.propagate, logger.disabled = logging.NOTSET, [], True, False
