"""What can go wrong at Google, as our errors. Their own words are left out: they quote addresses and requests."""

from __future__ import annotations

import json
import ssl
from typing import Any

import httplib2
from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError
from googleapiclient.errors import HttpError

from agent.errors import (
    FteError,
    NeedsReauth,
    NotFound,
    ProviderAway,
    ProviderBusy,
    SendAmbiguous,
    SendRejected,
)

# https://developers.google.com/workspace/gmail/api/guides/handle-errors
_QUOTA_REASONS = frozenset(
    {"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded", "RESOURCE_EXHAUSTED"}
)


_LONGEST_WAIT_S = 600.0
"""What Gmail asks for beyond it is looked at again then: nobody is silent for a day because of one header."""


class TokenRefused(Exception):
    """The token endpoint's answer, or none: no request was made with it."""


def to_error(error: Exception, *, sending: bool) -> FteError:
    """`sending`: the request has an effect that must not happen twice, so that silence after it leaves a doubt."""
    if isinstance(error, FteError):
        return error
    if isinstance(error, TokenRefused):
        return _of_token(error.__cause__)
    if isinstance(error, HttpError):
        return _of_answer(error, sending)
    # Before these nothing of the request can have arrived.
    if isinstance(error, (ConnectionRefusedError, httplib2.ServerNotFoundError, ssl.SSLCertVerificationError)):
        return ProviderAway("Gmail cannot be reached")
    if sending:
        return SendAmbiguous("Gmail did not answer after the request went out")
    return ProviderAway(f"Gmail did not answer ({type(error).__name__})")


def _of_token(error: BaseException | None) -> FteError:
    if isinstance(error, RefreshError) and not error.retryable:
        return NeedsReauth(f"Google no longer accepts the credentials of Gmail ({_oauth_code(error)})")
    if isinstance(error, (GoogleAuthError, TransportError)):
        return ProviderAway("Google's token endpoint does not answer")
    return ProviderAway(f"no token could be had ({type(error).__name__})")


def _of_answer(error: HttpError, sending: bool) -> FteError:
    status = int(error.resp.status)
    reason = _reason_of(error)
    told = f"{status} {reason}".strip()
    if status == 429 or (status == 403 and reason in _QUOTA_REASONS):
        return ProviderBusy(f"Gmail's quota is spent ({told})", _wait_s(error))
    if status in (401, 403):
        return NeedsReauth(f"Gmail refuses the credentials ({told})")
    if status == 404:
        return NotFound("Gmail does not know it (any more)")
    if status >= 500:
        return SendAmbiguous(f"Gmail answered {told}") if sending else ProviderAway(f"Gmail answered {told}")
    return SendRejected(f"Gmail refused the request ({told})")


def _reason_of(error: HttpError) -> str:
    """The machine's word for what is wrong, never its sentence."""
    try:
        problem: Any = json.loads(error.content)["error"]
        reason = problem["errors"][0]["reason"] if "errors" in problem else problem["status"]
    except (ValueError, KeyError, IndexError, TypeError):
        return ""
    return reason if isinstance(reason, str) and reason.replace("_", "").isalnum() else ""


def _oauth_code(error: RefreshError) -> str:
    """As RFC 6749, 5.2 names it: invalid_grant, invalid_client, …"""
    answer = error.args[1] if len(error.args) > 1 else None
    code = answer.get("error") if isinstance(answer, dict) else None
    return code if isinstance(code, str) and code.replace("_", "").isalpha() else "refused"


def _wait_s(error: HttpError) -> float:
    seconds = str(error.resp.get("retry-after", ""))
    return min(float(seconds), _LONGEST_WAIT_S) if seconds.isdecimal() else 0.0
