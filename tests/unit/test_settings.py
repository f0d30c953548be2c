"""Settings from the environment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.article_pages import ArticlePages
from agent.errors import ConfigurationInvalid
from agent.turn.prompt_size import PromptSize
from serve_app.settings import Settings, key_files, load_settings

LONG = "x" * 24


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        monkeypatch.delenv(alias if isinstance(alias, str) else name.upper(), raising=False)
    monkeypatch.setenv("FTE_HOME", str(tmp_path))
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


def test_keys_come_from_the_home_unless_the_environment_gives_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, file in key_files(tmp_path).items():
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"stored {name}\n")
    monkeypatch.setenv("FTE_OPERATOR_KEY", "given")
    settings = load_settings()
    assert settings.operator_key.get_secret_value() == "given"
    assert settings.token_secret.get_secret_value() == "stored token_secret"


def test_without_keys_no_secret_is_empty_or_guessable() -> None:
    first, second = Settings(), Settings()
    assert len(first.token_secret.get_secret_value()) >= 24
    assert first.token_secret != second.token_secret
    assert first.operator_key != second.operator_key


def test_an_empty_value_counts_as_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_PORT", "")
    monkeypatch.setenv("OPENAI_MODEL", "")
    assert (Settings().api_port, Settings().openai_model) == (8000, "gpt-4o")


def test_lists_and_times_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTE_ALLOWED_ORIGINS", "https://a.example, https://b.example,")
    monkeypatch.setenv("FTE_TIMES", '{"poll_s": 1.5}')
    assert Settings().allowed_origins == ("https://a.example", "https://b.example")
    assert Settings().times.poll_s == 1.5


@pytest.mark.parametrize(
    "origins",
    [
        "*",
        "null",
        "www.example.com",
        "https://a.example/",
        "https://a.example/help",
        "https://A.example",
        "https://*.example",
        "https://a.example, ftp://b.example",
        "https://user@a.example",
    ],
)
def test_what_is_no_origin_is_refused(monkeypatch: pytest.MonkeyPatch, origins: str) -> None:
    monkeypatch.setenv("FTE_ALLOWED_ORIGINS", origins)
    with pytest.raises(ConfigurationInvalid, match=r"ALLOWED_ORIGINS: .* is no origin"):
        load_settings()


def test_origins_may_have_ports_and_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    origins = ("http://127.0.0.1:8080", "http://[::1]:8080", "https://xn--bcher-kva.example")
    monkeypatch.setenv("FTE_ALLOWED_ORIGINS", ",".join(origins))
    assert Settings().allowed_origins == origins


@pytest.mark.parametrize("networks", ["proxy.internal", "10.0.0.0/99", "10.0.0.0/8, x"])
def test_what_is_no_network_is_refused(monkeypatch: pytest.MonkeyPatch, networks: str) -> None:
    monkeypatch.setenv("FTE_TRUSTED_PROXIES", networks)
    with pytest.raises(ConfigurationInvalid, match="TRUSTED_PROXIES"):
        load_settings()


@pytest.mark.parametrize("name", ["FTE_FORM_PER_EMAIL", "FTE_FORM_PER_ADDRESS"])
def test_limits_of_the_form_are_positive(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "0")
    with pytest.raises(ConfigurationInvalid, match=name):
        load_settings()


def test_times_that_do_not_fit_together_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTE_TIMES", '{"heartbeat_s": 9}')
    with pytest.raises(ConfigurationInvalid, match="heartbeat_s"):
        load_settings()


def test_the_dsn_of_a_configured_server_quotes_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_HOST", "db.internal")
    monkeypatch.setenv("POSTGRES_PASSWORD", "p@ss/word")
    assert Settings().dsn() == "postgresql://postgres:p%40ss%2Fword@/fte?host=db.internal&port=5432"


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    monkeypatch.setenv("FTE_OPERATOR_KEY", "very-secret")
    assert "very-secret" not in repr(Settings())
    monkeypatch.setenv("API_PORT", "very-secret")
    with pytest.raises(ConfigurationInvalid) as caught:
        load_settings()
    assert "API_PORT" in str(caught.value)
    assert "very-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, "FTE_OPERATOR_KEY"),
        ({"FTE_OPERATOR_KEY": LONG}, "FTE_TOKEN_SECRET"),
        ({"FTE_OPERATOR_KEY": "short", "FTE_TOKEN_SECRET": LONG}, "FTE_OPERATOR_KEY"),
        ({"FTE_OPERATOR_KEY": LONG, "FTE_TOKEN_SECRET": LONG, "POSTGRES_HOST": "db"}, "POSTGRES_PASSWORD"),
        (
            {
                "FTE_OPERATOR_KEY": LONG,
                "FTE_TOKEN_SECRET": LONG,
                "POSTGRES_HOST": "db",
                "POSTGRES_PASSWORD": "postgres",
            },
            "POSTGRES_PASSWORD",
        ),
        ({"FTE_OPERATOR_KEY": LONG, "FTE_TOKEN_SECRET": LONG, "TWILIO_ACCOUNT_SID": "AC1"}, "TWILIO_AUTH_TOKEN"),
        (
            {
                "FTE_OPERATOR_KEY": LONG,
                "FTE_TOKEN_SECRET": LONG,
                "TWILIO_ACCOUNT_SID": "AC1",
                "TWILIO_AUTH_TOKEN": LONG,
                "API_BASE_URL": "http://support.example.com",
            },
            "API_BASE_URL",
        ),
    ],
)
def test_production_refuses_default_secrets_and_unverifiable_webhooks(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], named: str
) -> None:
    for name, value in {**given, "ENVIRONMENT": "production"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationInvalid, match=named):
        load_settings()


def test_a_local_token_verifies_webhooks_until_an_account_is_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = key_files(tmp_path)["twilio_auth_token"]
    file.parent.mkdir()
    file.write_text("local\n")
    assert load_settings().twilio_auth_token.get_secret_value() == "local"
    load_settings.cache_clear()
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC1")
    monkeypatch.setenv("TWILIO_WHATSAPP_NUMBER", "+15550100999")
    assert load_settings().twilio_auth_token.get_secret_value() == "", "with an account nobody is let in by another's"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"TWILIO_ACCOUNT_SID": "AC1"}, "TWILIO_WHATSAPP_NUMBER"),
        ({"TWILIO_WHATSAPP_NUMBER": "0155 50100"}, "TWILIO_WHATSAPP_NUMBER"),
        ({"FTE_TWILIO_TEMPLATE_SID": "hello"}, "FTE_TWILIO_TEMPLATE_SID"),
        ({"FTE_TWILIO_PER_SECOND": "0"}, "FTE_TWILIO_PER_SECOND"),
    ],
)
def test_what_twilio_would_not_take_is_refused(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], named: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationInvalid, match=named):
        load_settings()


def test_a_number_is_taken_with_its_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_WHATSAPP_NUMBER", "whatsapp:+14155238886")
    assert Settings().twilio_whatsapp_number == "+14155238886"


@pytest.mark.parametrize(
    ("given", "mails"),
    [
        ({}, False),
        ({"FTE_FORM_MAIL": "true"}, True),
        ({"GMAIL_CREDENTIALS_PATH": "/credentials.json", "FTE_GMAIL_MAILBOX": "support@example.com"}, True),
        (
            {
                "GMAIL_CREDENTIALS_PATH": "/credentials.json",
                "FTE_GMAIL_MAILBOX": "support@example.com",
                "FTE_FORM_MAIL": "false",
            },
            False,
        ),
    ],
)
def test_the_form_mails_where_gmail_sends_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], mails: bool
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert Settings().form_mail is mails


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"FTE_MODEL_DAILY_COST": "20"}, "FTE_MODEL_PRICE_INPUT"),
        ({"FTE_MODEL_PRICE_INPUT": "2.5"}, "FTE_MODEL_PRICE_OUTPUT"),
        ({"FTE_MODEL_DAILY_TOKENS": "0"}, "FTE_MODEL_DAILY_TOKENS"),
        ({"FTE_MODEL_API": "assistants"}, "FTE_MODEL_API"),
        ({"FTE_MODEL_FALLBACK": "wait"}, "FTE_MODEL_FALLBACK"),
        ({"FTE_MODEL_TEMPERATURE": "3"}, "FTE_MODEL_TEMPERATURE"),
        ({"FTE_MODEL_MAX_OUTPUT_TOKENS": "1"}, "FTE_MODEL_MAX_OUTPUT_TOKENS"),
        ({"OPENAI_BASE_URL": "127.0.0.1:8080"}, "OPENAI_BASE_URL"),
        ({"FTE_TIMES": '{"breaker_failures": 0}'}, "breaker_failures"),
    ],
)
def test_what_no_language_model_can_mean_is_refused(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], named: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationInvalid, match=named):
        load_settings()


def test_terms_of_the_model_follow_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    from agent.times import Times
    from crm.database import Database
    from deployments.language_model import model_terms, prompt_size
    from deployments.model_state import ceilings

    nowhere = Database("postgresql://nobody@127.0.0.1:1/nothing", Times())
    assert model_terms(load_settings(), nowhere) is None, "the offline model needs none"
    monkeypatch.setenv("FTE_MODEL_PROMPT", "compact")
    load_settings.cache_clear()
    assert prompt_size(load_settings()) is PromptSize.FULL, "the offline model reads all"
    load_settings.cache_clear()
    given = {
        "OPENAI_API_KEY": "sk-not-a-key",
        "FTE_MODEL_PRICE_INPUT": "2.5",
        "FTE_MODEL_PRICE_OUTPUT": "10",
        "FTE_MODEL_DAILY_COST": "0.5",
        "FTE_MODEL_FALLBACK": "escalate",
        "FTE_MODEL_PROMPT": "compact",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    terms = model_terms(settings, nowhere)
    assert terms is not None
    assert terms.prices is not None
    assert terms.prices.cost_micros(1_000_000, 100_000) == 3_500_000
    assert terms.fallback is None
    assert prompt_size(settings) is PromptSize.COMPACT
    assert (ceilings(settings).tokens, ceilings(settings).cost_micros) == (None, 500_000)


@pytest.mark.parametrize(
    ("environment", "shown", "pages"),
    [
        ({}, True, ArticlePages("http://127.0.0.1:8000/help", ours=True)),
        ({"API_BASE_URL": "https://support.example/"}, True, ArticlePages("https://support.example/help", ours=True)),
        ({"FTE_HELP_CENTER_URL": "https://help.example/a/"}, False, ArticlePages("https://help.example/a")),
        (
            {"FTE_HELP_CENTER_URL": "https://help.example/a", "FTE_HELP_PAGES": "true"},
            True,
            ArticlePages("https://help.example/a"),
        ),
        ({"FTE_HELP_PAGES": "false"}, False, ArticlePages()),
    ],
)
def test_articles_are_read_here_unless_the_operator_has_a_help_centre_or_wants_none(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], shown: bool, pages: ArticlePages
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert (settings.help_pages, settings.article_pages) == (shown, pages)
