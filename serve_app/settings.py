"""Every setting, read from the environment once per process. Nothing else reads `os.environ`.

Deployments get the string `serve_app.settings:load_settings` in their bind arguments and call it in the
replica, so that no secret travels.
"""

from __future__ import annotations

import os
import re
import secrets
from functools import lru_cache
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import quote

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from agent.article_pages import ArticlePages
from agent.errors import ConfigurationInvalid
from agent.times import Times

CHECKOUT = Path(__file__).resolve().parents[1]
SETTINGS_FACTORY = "serve_app.settings:load_settings"
DEFAULT_EMBEDDING_MODEL = "all-MiniLM-L6-v2"
_WELL_KNOWN_SECRETS = frozenset({"", "admin", "changeme", "default", "password", "postgres", "secret", "test"})

_MAILBOX = re.compile(r"[^@\s<>\"]+@[^@\s<>\"]+\.[^@\s<>\"]+")
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?")

_SITE = re.compile(r"https?://[A-Za-z0-9.\-:\[\]]+(?:/[A-Za-z0-9._~/-]*)?")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")  # ITU-T E.164
_TEMPLATE = re.compile(r"HX[0-9a-fA-F]{32}")

StringList = Annotated[tuple[str, ...], NoDecode]


def _unguessable() -> SecretStr:
    """A process for which nobody made keys gets its own, so that no secret is ever empty or known."""
    return SecretStr(secrets.token_urlsafe(32))


class Settings(BaseSettings):
    """The environment, typed. An empty value counts as not given."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore")

    environment: Literal["development", "test", "production"] = "development"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "text"] = Field(default="json", validation_alias="FTE_LOG_FORMAT")

    postgres_host: str = ""
    """A host name or a socket folder; empty means the embedded server under `home`."""
    postgres_port: int = 5432
    postgres_db: str = "fte"
    postgres_user: str = "postgres"
    postgres_password: SecretStr = SecretStr("")

    openai_api_key: SecretStr = SecretStr("")
    """Empty means the offline language model."""
    openai_base_url: str = ""
    openai_model: str = "gpt-4o"
    model_api: Literal["auto", "responses", "chat_completions"] = Field(
        default="auto", validation_alias="FTE_MODEL_API"
    )
    """`auto` is Responses with OpenAI's own server, Chat Completions with any other."""
    model_temperature: float | None = Field(default=None, ge=0, le=2, validation_alias="FTE_MODEL_TEMPERATURE")
    """Not given: the server's own, since some models take none."""
    model_max_output_tokens: int = Field(default=1500, ge=64, validation_alias="FTE_MODEL_MAX_OUTPUT_TOKENS")
    """Of one call."""
    model_prompt: Literal["full", "compact"] = Field(default="full", validation_alias="FTE_MODEL_PROMPT")
    """How much the model is given to read: `compact` is for small models and small servers."""
    model_fallback: Literal["offline", "escalate"] = Field(default="offline", validation_alias="FTE_MODEL_FALLBACK")
    """What answers when the model is away or the day's ceiling is reached: the offline answer, or a person."""
    model_price_input: float | None = Field(default=None, ge=0, validation_alias="FTE_MODEL_PRICE_INPUT")
    """Per million input tokens, in the currency of your choice."""
    model_price_output: float | None = Field(default=None, ge=0, validation_alias="FTE_MODEL_PRICE_OUTPUT")
    model_daily_tokens: int | None = Field(default=None, ge=1, validation_alias="FTE_MODEL_DAILY_TOKENS")
    """The ceiling of a day (UTC) over all replicas, input and output together."""
    model_daily_cost: float | None = Field(default=None, gt=0, validation_alias="FTE_MODEL_DAILY_COST")
    """The same in money, in the currency of the prices."""

    kafka_bootstrap_servers: str = ""
    gmail_credentials_path: str = ""
    """A JSON file: an authorised user, or a service account with delegation. Empty means offline."""
    gmail_pubsub_topic: str = ""
    """`projects/…/topics/…`; empty means that the mailbox is only looked into every few minutes."""
    gmail_api_url: str = Field(default="", validation_alias="FTE_GMAIL_API_URL")
    gmail_mailbox: str = Field(default="", validation_alias="FTE_GMAIL_MAILBOX")
    """The address that customers write to and get answers from."""
    gmail_display_name: str = Field(default="Support", validation_alias="FTE_GMAIL_DISPLAY_NAME")
    gmail_push_account: str = Field(default="", validation_alias="FTE_GMAIL_PUSH_ACCOUNT")
    """The e-mail of the service account that signs the pushes."""
    gmail_push_audience: str = Field(default="", validation_alias="FTE_GMAIL_PUSH_AUDIENCE")
    """What the pushes' tokens are made out to; empty means the webhook's own address."""
    gmail_poll_s: float = Field(default=180.0, ge=1.0, le=3600.0, validation_alias="FTE_GMAIL_POLL_S")
    gmail_units_per_minute: float = Field(default=6000.0, ge=600.0, validation_alias="FTE_GMAIL_UNITS_PER_MINUTE")
    """Gmail's quota of the mailbox, of which less is used at any time."""
    mail_replies_per_hour: int = Field(default=20, ge=1, validation_alias="FTE_MAIL_REPLIES_PER_HOUR")
    mail_unproven_per_hour: int = Field(default=60, ge=1, validation_alias="FTE_MAIL_UNPROVEN_PER_HOUR")
    """To one address and in one thread, before a person is asked instead: two machines may be answering each other."""
    twilio_account_sid: str = ""
    """Empty means WhatsApp's offline mode: what goes out is recorded, and webhooks are signed with a local token."""
    twilio_auth_token: SecretStr = SecretStr("")
    """Verifies webhooks and signs requests in. Without an account, one that `fte up` makes."""
    twilio_whatsapp_number: str = ""
    """Our number, as +15550100123; `whatsapp:` before it does no harm."""
    twilio_template_sid: str = Field(default="", validation_alias="FTE_TWILIO_TEMPLATE_SID")
    """The approved template for what is sent more than 24 hours after the customer's last message."""
    twilio_per_second: float = Field(default=80.0, gt=0, le=1000, validation_alias="FTE_TWILIO_PER_SECOND")
    """Messages a second that our number may send; Twilio's sandbox takes one in three seconds."""
    twilio_api_url: str = Field(default="", validation_alias="FTE_TWILIO_API_URL")

    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8000, ge=1, le=65535)
    api_base_url: str = ""
    """What customers' links begin with; empty means `http://api_host:api_port`."""

    home: Path = Field(default=CHECKOUT / ".fte", validation_alias="FTE_HOME")
    operator_key: SecretStr = Field(default_factory=_unguessable, validation_alias="FTE_OPERATOR_KEY")
    token_secret: SecretStr = Field(default_factory=_unguessable, validation_alias="FTE_TOKEN_SECRET")
    """Signs the access tokens of tickets."""
    local_push_key: SecretStr = Field(default=SecretStr(""), validation_alias="FTE_LOCAL_PUSH_KEY")
    """A private RSA key in PEM: signs and verifies the pushes of the offline mode."""
    embedding_model: str = Field(default=DEFAULT_EMBEDDING_MODEL, validation_alias="FTE_EMBEDDING_MODEL")
    """A sentence-transformers name or a folder; the default is installed with the packages."""
    lock_shards: int = Field(default=2, ge=1, le=64, validation_alias="FTE_LOCK_SHARDS")
    allowed_origins: StringList = Field(default=(), validation_alias="FTE_ALLOWED_ORIGINS")
    """Sites that may embed the form, separated by commas."""
    trusted_proxies: StringList = Field(default=(), validation_alias="FTE_TRUSTED_PROXIES")
    """Networks whose forwarded client addresses count, separated by commas."""
    form_per_email: int = Field(default=100, ge=1, validation_alias="FTE_FORM_PER_EMAIL")
    """Requests of the form an hour that name one e-mail address, before the next ones wait in quarantine."""
    form_per_address: int = Field(default=300, ge=1, validation_alias="FTE_FORM_PER_ADDRESS")
    """The same from one network address, which only trusted proxies tell."""
    form_mail_given: bool | None = Field(default=None, validation_alias="FTE_FORM_MAIL")
    """Whether the form's customers are asked to confirm their address, and then get the answers by mail too. Not given:
    where Gmail sends."""
    help_center_url: str = Field(default="", validation_alias="FTE_HELP_CENTER_URL")
    """Where customers read the articles: an article's address is this, a slash and its slug. Empty: only articles whose
    front matter has a `url` are linked."""
    help_pages_given: bool | None = Field(default=None, validation_alias="FTE_HELP_PAGES")
    """Whether this system shows the articles itself, at `/help`. Not given: unless `help_center_url` does."""
    article_review_days: int = Field(default=365, ge=1, le=36_500, validation_alias="FTE_ARTICLE_REVIEW_DAYS")
    """An article that nobody has verified for so long ranks lower and is reported."""
    times: Times = Field(default=Times(), validation_alias="FTE_TIMES")
    """A JSON object of what differs from agent/times.py."""

    @field_validator("allowed_origins", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("allowed_origins", mode="after")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        """As browsers send them, for they are compared as texts; `*` would let every site in."""
        wrong = [origin for origin in origins if not _ORIGIN.fullmatch(origin)]
        if wrong:
            raise ValueError(f"{wrong[0]} is no origin; write it like https://www.example.com, without a path")
        return origins

    @field_validator("trusted_proxies", mode="after")
    @classmethod
    def _check_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            ip_network(network, strict=False)
        return networks

    @field_validator("gmail_mailbox", mode="after")
    @classmethod
    def _check_mailbox(cls, address: str) -> str:
        if address and not _MAILBOX.fullmatch(address):
            raise ValueError("must be an e-mail address like support@example.com")
        return address.lower()

    @field_validator("twilio_whatsapp_number", mode="after")
    @classmethod
    def _check_number(cls, number: str) -> str:
        number = number.removeprefix("whatsapp:").strip()
        if number and not _PHONE.fullmatch(number):
            raise ValueError("must be an international number like +15550100123")
        return number

    @field_validator("help_center_url", mode="after")
    @classmethod
    def _check_help_center(cls, address: str) -> str:
        if address and not _SITE.fullmatch(address):
            raise ValueError("must be an address like https://help.example.com/articles")
        return address.rstrip("/")

    @field_validator("twilio_template_sid", mode="after")
    @classmethod
    def _check_template(cls, sid: str) -> str:
        if sid and not _TEMPLATE.fullmatch(sid):
            raise ValueError("must be HX and 32 hexadecimal digits")
        return sid

    @field_validator("home", mode="after")
    @classmethod
    def _resolve(cls, value: Path) -> Path:
        return value.expanduser().resolve()

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.times.check()
        if self.gmail_credentials_path and not self.gmail_mailbox:
            raise ConfigurationInvalid("set FTE_GMAIL_MAILBOX to the address that GMAIL_CREDENTIALS_PATH opens")
        self._check_model()
        if self.environment == "production":
            self._check_production()
        if self.twilio_account_sid and not self.twilio_whatsapp_number:
            raise ConfigurationInvalid(
                "TWILIO_WHATSAPP_NUMBER must be set with TWILIO_ACCOUNT_SID: replies come from it"
            )
        return self

    def _check_model(self) -> None:
        prices = (self.model_price_input, self.model_price_output)
        if (prices[0] is None) != (prices[1] is None):
            raise ConfigurationInvalid("set FTE_MODEL_PRICE_INPUT and FTE_MODEL_PRICE_OUTPUT both, or neither")
        if self.model_daily_cost is not None and prices[0] is None:
            raise ConfigurationInvalid(
                "FTE_MODEL_DAILY_COST needs FTE_MODEL_PRICE_INPUT and FTE_MODEL_PRICE_OUTPUT; without prices, set"
                " FTE_MODEL_DAILY_TOKENS"
            )
        if self.openai_base_url and not self.openai_base_url.startswith(("http://", "https://")):
            raise ConfigurationInvalid("OPENAI_BASE_URL must be an address like http://127.0.0.1:8080/v1")

    def _check_production(self) -> None:
        for name in ("operator_key", "token_secret"):
            secret: SecretStr = getattr(self, name)
            if name not in self.model_fields_set or len(secret.get_secret_value()) < 24:
                raise ConfigurationInvalid(
                    f"in production FTE_{name.upper()} must be a random value of at least 24 characters"
                )
        over_network = self.postgres_host and not self.postgres_host.startswith("/")
        if over_network and self.postgres_password.get_secret_value().lower() in _WELL_KNOWN_SECRETS:
            raise ConfigurationInvalid("in production POSTGRES_PASSWORD must be set, to a value of your own")
        if self.twilio_account_sid and not self.twilio_auth_token.get_secret_value():
            raise ConfigurationInvalid("in production TWILIO_AUTH_TOKEN must be set, to verify webhooks")
        if self.twilio_account_sid and not self.api_base_url.startswith("https://"):
            raise ConfigurationInvalid("in production API_BASE_URL must be the https address that Twilio calls")
        if self.gmail_credentials_path and self.gmail_pubsub_topic and not self.gmail_push_account:
            raise ConfigurationInvalid(
                "in production FTE_GMAIL_PUSH_ACCOUNT must be set where GMAIL_PUBSUB_TOPIC is, to verify webhooks"
            )

    @property
    def mail_folder(self) -> Path:
        """The mailbox of the offline mode."""
        return self.home / "mail"

    @property
    def form_mail(self) -> bool:
        return bool(self.gmail_credentials_path) if self.form_mail_given is None else self.form_mail_given

    @property
    def help_pages(self) -> bool:
        return not self.help_center_url if self.help_pages_given is None else self.help_pages_given

    @property
    def article_pages(self) -> ArticlePages:
        """Where customers read the articles."""
        if self.help_center_url:
            return ArticlePages(self.help_center_url)
        return ArticlePages(f"{self.base_url}/help", ours=True) if self.help_pages else ArticlePages()

    @property
    def push_audience(self) -> str:
        return self.gmail_push_audience or f"{self.base_url}/webhooks/gmail"

    @property
    def base_url(self) -> str:
        return (self.api_base_url or f"http://{self.api_host}:{self.api_port}").rstrip("/")

    @property
    def gmail_credentials(self) -> dict[str, bool]:
        """Which of the settings are set that Gmail needs; without a Pub/Sub topic it is asked every few minutes."""
        return {
            "GMAIL_CREDENTIALS_PATH": bool(self.gmail_credentials_path),
            "FTE_GMAIL_MAILBOX": bool(self.gmail_mailbox),
        }

    @property
    def twilio_credentials(self) -> dict[str, bool]:
        """Which of the settings are set that Twilio needs. A token without an account is the local one."""
        has_account = bool(self.twilio_account_sid)
        return {
            "TWILIO_ACCOUNT_SID": has_account,
            "TWILIO_AUTH_TOKEN": has_account and bool(self.twilio_auth_token.get_secret_value()),
            "TWILIO_WHATSAPP_NUMBER": bool(self.twilio_whatsapp_number),
        }

    @property
    def embedded(self) -> bool:
        return not self.postgres_host

    @property
    def knowledge_dir(self) -> Path:
        """The shipped knowledge: articles, brand voice, escalation rules."""
        return CHECKOUT / "knowledge"

    def dsn(self) -> str:
        """The DSN for crm.database. Raises ConfigurationInvalid when the embedded server does not run."""
        if self.embedded:
            from crm.embedded import EmbeddedServer  # loads asyncpg, which `fte --help` must not wait for

            return EmbeddedServer(self.home).dsn(self.postgres_db)
        user, database = quote(self.postgres_user, safe=""), quote(self.postgres_db, safe="")
        password = quote(self.postgres_password.get_secret_value(), safe="")
        host, port = quote(self.postgres_host, safe=""), self.postgres_port
        return f"postgresql://{user}:{password}@/{database}?host={host}&port={port}"


@lru_cache(maxsize=1)
def load_settings() -> Settings:
    """Read the environment, and the keys under `home` that it does not give. Raises ConfigurationInvalid."""
    try:
        settings = Settings()
        stored = {
            name: SecretStr(file.read_text(encoding="utf-8").strip())
            for name, file in key_files(settings.home).items()
            if name not in settings.model_fields_set and file.exists()
        }
        if settings.twilio_account_sid:
            # A local token is for local webhooks: with a real account nothing but its own token counts.
            stored.pop("twilio_auth_token", None)
        return settings.model_copy(update=stored)
    except ValidationError as error:
        # Neither the input nor the exception's text may be shown: either can hold a secret.
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        raise ConfigurationInvalid(f"the settings are invalid: {problems}") from None


def key_files(home: Path) -> dict[str, Path]:
    """Where the keys that `fte up` makes are kept, by the setting that each gives."""
    names = ("operator_key", "token_secret", "twilio_auth_token", "local_push_key")
    return {name: home / "keys" / name for name in names}


def inherited_environment(extra: dict[str, str]) -> dict[str, str]:
    """The environment for a child process: this one's with `extra`."""
    return {**os.environ, **extra}
