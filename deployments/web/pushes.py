"""Which of Pub/Sub's pushes are let in. Nothing of Gmail's client is loaded here: the ingress reads no mail."""

from __future__ import annotations

from dataclasses import dataclass

from channels.gmail.local import address_of
from channels.gmail.local_push import local_verifier
from channels.gmail.push import GivenCertificates, GoogleCertificates, PushRules, PushVerifier
from deployments.startup import ReplicaSettings


@dataclass(frozen=True, slots=True)
class Pushes:
    """Whose mailbox pushes may tell of, and what proves that they are Gmail's."""

    mailbox: str
    verifier: PushVerifier


def no_pushes() -> Pushes:
    """Lets none in."""
    return Pushes("", PushVerifier(PushRules("", ""), GivenCertificates({})))


def receive_pushes(settings: ReplicaSettings) -> Pushes:
    """Google's, or offline those that are signed with this installation's own key."""
    if not settings.gmail_credentials_path:
        key = settings.local_push_key.get_secret_value()
        return Pushes(address_of(settings.gmail_mailbox), local_verifier(key, settings.push_audience))
    rules = PushRules(settings.push_audience, settings.gmail_push_account)
    return Pushes(address_of(settings.gmail_mailbox), PushVerifier(rules, GoogleCertificates(settings.gmail_api_url)))
