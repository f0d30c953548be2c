"""Every error survives pickling, as Ray does it between processes."""

from __future__ import annotations

import inspect
import pickle

import pytest

from agent import errors

CLASSES = [value for _, value in inspect.getmembers(errors, inspect.isclass) if issubclass(value, errors.FteError)]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_error_survives_pickling(kind: type[errors.FteError]) -> None:
    error = kind("field", "problem") if kind is errors.BadInput else kind("a sentence")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert again.args == error.args
    assert str(again) == str(error)
    assert 400 <= kind.http_status < 600
