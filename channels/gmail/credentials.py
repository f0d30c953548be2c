"""The credentials that GMAIL_CREDENTIALS_PATH names: an authorised user's, or a service account's with delegation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from google.auth.credentials import Credentials
from google.oauth2 import credentials as user_credentials
from google.oauth2 import service_account

from agent.errors import ConfigurationInvalid

SCOPES = ("https://www.googleapis.com/auth/gmail.modify",)
"""Reads mail, watches the mailbox, makes and sends drafts. It cannot delete for good, nor change settings."""
_TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105  # an address


def load_credentials(path: Path, mailbox: str, api_url: str = "") -> Credentials:
    """Read the file. `mailbox` is whom a service account acts for; `api_url` stands in for Google's servers.

    Raises ConfigurationInvalid, which quotes nothing of the file.
    """
    info = _read(path)
    token_url = urljoin(f"{api_url.rstrip('/')}/", "token") if api_url else _TOKEN_URL
    try:
        if info.get("type") == "service_account":
            made: Credentials = service_account.Credentials.from_service_account_info(
                {**info, "token_uri": token_url}, scopes=SCOPES, subject=mailbox
            )
            return made
        # Without a list of scopes the token has those that the user granted.
        return user_credentials.Credentials(
            token=None,
            refresh_token=_text(info, "refresh_token"),
            client_id=_text(info, "client_id"),
            client_secret=_text(info, "client_secret"),
            token_uri=token_url,
        )
    except (KeyError, ValueError) as error:
        raise ConfigurationInvalid(
            f"{path} holds neither an authorised user (refresh_token, client_id, client_secret) nor a service "
            "account's key; docs/howto/gmail.md says how to make either"
        ) from error


def describe_credentials(path: Path) -> str:
    """What kind it is, without any secret. Raises ConfigurationInvalid."""
    return "a service account" if _read(path).get("type") == "service_account" else "an authorised user"


def _read(path: Path) -> dict[str, Any]:
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationInvalid(f"GMAIL_CREDENTIALS_PATH: {path} cannot be read") from error
    except ValueError as error:
        raise ConfigurationInvalid(f"GMAIL_CREDENTIALS_PATH: {path} is not JSON") from error
    if not isinstance(info, dict):
        raise ConfigurationInvalid(f"GMAIL_CREDENTIALS_PATH: {path} is not a JSON object")
    # What the Cloud console gives for download is the client alone, which nobody has authorised yet.
    if {"installed", "web"} & set(info):
        raise ConfigurationInvalid(
            f"{path} is an OAuth client, not yet an authorised user; docs/howto/gmail.md says how to authorise it"
        )
    return info


def _text(info: dict[str, Any], name: str) -> str:
    value = info[name]
    if not isinstance(value, str) or not value:
        raise ValueError(name)
    return value
