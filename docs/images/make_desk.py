"""Makes the pictures of the desk, with Debian's Chromium and the development tools:
`PYTHONPATH=. .venv/bin/python docs/images/make_desk.py`.

Sample customers write, the real pipeline answers or hands over, an operator works in a real browser. Nothing stored is
touched: the database is a scratch one.
"""

from __future__ import annotations

import asyncio
import socket
from datetime import timedelta
from pathlib import Path

import uvicorn
from playwright.async_api import Page
from pydantic import SecretStr

from agent.records import Accepted, Channel, IdentifierKind, Identity, InboundMessage
from crm.database import Database
from crm.inbox import Inbox
from crm.knowledge_sync import sync_folder
from crm.outbox import Outbox
from crm.work import WorkQueue
from deployments.web.app import create_app
from deployments.web.services import IngressServices, connect_services
from models.embedding import SentenceTransformerEmbedder
from serve_app.in_process import open_in_process
from serve_app.scratch import open_scratch_database
from serve_app.settings import load_settings
from tests.e2e.browser import chromium

FOLDER = Path(__file__).parent
KEY = "the operator key of the pictures"
MAIL, PHONE, FORM = Channel.EMAIL, Channel.WHATSAPP, Channel.WEB_FORM
# Channel, name, address, subject, what they wrote one after the other, minutes ago.
SAMPLES = [
    (FORM, "Marta Example", "marta@example.com", "Invoice for October",
     ["How do I download an invoice for last month?",
      "Thanks, found it. It shows that I was charged twice for October, please refund the second payment."], 41),
    (PHONE, "Jonas Sample", "+15550100111", "",
     ["We lost all tasks of our launch board, everything is gone since this morning!"], 6),
    (MAIL, "Priya Example", "priya@example.com", "Data processing agreement",
     ["Our lawyer needs a signed data processing agreement before we can go on. Who can sign it?"], 95),
    (FORM, "Tom Sample", "tom@example.com", "Speak to somebody",
     ["How do I share a board with a guest?", "I would rather talk to a human about our setup, please."], 18),
    (MAIL, "Lena Example", "lena@example.com", "Strange sign-ins",
     ["Somebody signed in to my account from a country I have never been to. Is my account hacked?"], 3),
    (FORM, "Ade Sample", "ade@example.com", "Price for 200 seats",
     ["What discount do you give for 200 seats on the business plan?"], 27),
    (PHONE, "Rosa Example", "+15550100112", "", ["please cancel our subscription at the end of the month"], 12),
    (FORM, "Kim Sample", "kim@example.com", "Recurring tasks", ["How do I create a recurring task?"], 9),
]  # fmt: skip


async def main() -> None:
    settings = load_settings()
    model = await asyncio.to_thread(SentenceTransformerEmbedder, settings.embedding_model)
    async with open_scratch_database(settings.times, "fte-pictures") as database:
        await sync_folder(database, model, settings.knowledge_dir / "articles")
        async with open_in_process(settings, database=database) as fte:
            services = connect_services(database, operator_key=SecretStr(KEY), token_secret=SecretStr("pictures"))
            for channel, name, address, subject, texts, minutes in SAMPLES:
                for text in texts:
                    accepted = await write(database, channel, name, address, subject, text)
                    await fte.worker.process(accepted.customer_id)
                    await deliver(database)
                await move_back(database, accepted, timedelta(minutes=minutes))
            await work(services, database)
            await take_pictures(services)
        await services.close()


async def write(database: Database, channel: Channel, name: str, address: str, subject: str, text: str) -> Accepted:
    kind = IdentifierKind.PHONE if channel is PHONE else IdentifierKind.EMAIL
    identity = Identity(kind, address, channel is not FORM, name)
    key = f"{address} {text}"
    accepted = await Inbox(database).accept(InboundMessage(channel, key, address, identity, text, subject))
    async with database.connection() as connection:  # a picture does not wait for the channel's quiet window
        await connection.execute("UPDATE work SET due_at = now() WHERE customer_id = $1", accepted.customer_id)
    return accepted


async def deliver(database: Database) -> None:
    outbox = Outbox(database)
    items = await outbox.claim(100)
    await outbox.record_sent([(item, item.send_token) for item in items])


async def move_back(database: Database, accepted: Accepted, by: timedelta) -> None:
    """Let it have happened earlier."""
    columns = {
        "messages": ["created_at"],
        "outcomes": ["created_at"],
        "escalations": ["created_at"],
        "conversations": ["created_at", "last_message_at"],
    }
    async with database.connection() as connection:
        for table, names in columns.items():
            moved = ", ".join(f"{name} = {name} - $2::interval" for name in names)
            await connection.execute(
                f"UPDATE {table} SET {moved} WHERE conversation_id = $1",  # noqa: S608  # names from above
                accepted.conversation_id,
                by,
            )


async def work(services: IngressServices, database: Database) -> None:
    """What people have done already."""
    by_customer = {line.customer_name: line.conversation_id for line in await services.escalations.fetch()}
    await services.desk.take(by_customer["Priya Example"], "Noor")
    await services.desk.take(by_customer["Marta Example"], "Grace")
    await services.desk.reply(
        by_customer["Marta Example"], "Grace", "I see both payments, Marta. Let me check with our billing system."
    )
    await deliver(database)
    await WorkQueue(database).notify()


async def take_pictures(services: IngressServices) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(
            uvicorn.Config(create_app(services), log_level="warning", ws="none", timeout_graceful_shutdown=1)
        )
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        async with chromium() as browser:
            for name, customer in (("desk", "Marta Example"), ("desk-dark", "Jonas Sample")):
                context = await browser.new_context(
                    viewport={"width": 1440, "height": 900}, color_scheme="dark" if name == "desk-dark" else "light"
                )
                page = await context.new_page()
                await sign_in(page, f"{address}/desk")
                await page.get_by_role("button", name="All live").click()
                await page.get_by_role("link", name=customer).click()
                await page.get_by_role("heading", name="What the FTE saw").wait_for()
                if await page.get_by_label("Turn").count():
                    await page.get_by_label("Turn").select_option(index=0)
                    await page.locator("aside").evaluate("pane => pane.scrollTo(0, 480)")
                await page.locator("#lines").evaluate("list => list.scrollTo(0, 0)")
                await page.screenshot(path=FOLDER / f"{name}.png")
                await context.close()
        server.should_exit = True
        await serving


async def sign_in(page: Page, address: str) -> None:
    await page.goto(address)
    await page.get_by_label("Your name").fill("Grace")
    await page.get_by_label("Operator key").fill(KEY)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("link", name="Jonas Sample").wait_for()


if __name__ == "__main__":
    asyncio.run(main())
