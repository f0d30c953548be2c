"""The HTTP door of the Serve application: builds the services in its replica and hands requests to the app."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ray import serve
from ray.serve.handle import DeploymentHandle

if TYPE_CHECKING:
    from fastapi import FastAPI


@serve.deployment
@serve.ingress()
class Ingress:
    """The app is made in the replica, so that nothing of it is pickled; its health is that it answers.

    What takes long to import is imported here and not above: whoever builds the application need not wait for it.
    """

    def __init__(
        self,
        settings_factory: str,
        embedding: DeploymentHandle,
        dispatcher: DeploymentHandle,
        courier: DeploymentHandle,
    ) -> None:
        """The handles make their deployments part of the application; the ingress only asks them how they are."""
        from agent.records import Channel
        from agent.text.synonyms import Synonyms
        from channels.gmail.local import address_of
        from channels.whatsapp.signature import WebhookDoor
        from crm.database import Database
        from crm.mailboxes import Mailboxes
        from deployments.channel_states import facts_of
        from deployments.mail_state import alarm_probe, alarms_over, mail_state_reader, mailbox_probe
        from deployments.measures import ReplicaMeasures, of_database
        from deployments.model_state import LanguageModelProbe
        from deployments.priority import take_a_session
        from deployments.probes import make_probes
        from deployments.startup import start_replica
        from deployments.web.pushes import receive_pushes
        from deployments.web.services import FormLimits, connect_services

        settings = start_replica(settings_factory)
        take_a_session()
        self._database = Database(settings.dsn(), settings.times, "fte-ingress")
        mailbox = Mailboxes(self._database), address_of(settings.gmail_mailbox)
        alarms = alarms_over(settings, self._database)
        self._services = connect_services(
            self._database,
            operator_key=settings.operator_key,
            token_secret=settings.token_secret,
            allowed_origins=settings.allowed_origins,
            trusted_proxies=settings.trusted_proxies,
            form_limits=FormLimits(settings.form_per_email, settings.form_per_address),
            pushes=receive_pushes(settings),
            base_url=settings.base_url,
            channel_facts=facts_of(gmail=settings.gmail_credentials, twilio=settings.twilio_credentials),
            channel_readers={Channel.EMAIL: mail_state_reader(*mailbox)},
            channel_alarms=alarms,
            whatsapp=WebhookDoor(settings.twilio_auth_token, settings.base_url),
            probes={
                **make_probes(embedding, dispatcher, settings.lock_shards, settings.times),
                "mailbox": mailbox_probe(*mailbox),
                "channels": alarm_probe(alarms),
                "language_model": LanguageModelProbe(settings, self._database),
            },
            shows_articles=settings.help_pages,
            synonyms=Synonyms.load(settings.knowledge_dir / "synonyms.yaml"),
        )
        self._measures = ReplicaMeasures(
            {
                **of_database(self._database),
                "fte_replica_ticket_streams": lambda: self._services.streams.open,
                "fte_replica_desk_streams": lambda: self._services.desk_streams.open,
            }
        )

    def __serve_build_asgi_app__(self) -> FastAPI:
        from deployments.web.app import create_app

        return create_app(self._services)

    async def __del__(self) -> None:
        self._measures.stop()
        await self._services.close()
        await self._database.close()
