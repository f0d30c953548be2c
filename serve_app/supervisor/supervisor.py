"""`fte up`: start everything in the order of its dependence, watch it, and stop it in the opposite order."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import httpx
from rich.console import Console

from agent.errors import ConfigurationInvalid, DependencyAway, FteError
from channels.gmail.local_push import make_key as make_push_key
from serve_app.options import APP_NAME
from serve_app.render import serve_config
from serve_app.settings import Settings, key_files
from serve_app.supervisor.data import FollowedKnowledge, migrate_database
from serve_app.supervisor.lock import HomeLock, RunningCopy
from serve_app.supervisor.log_tail import LogTail
from serve_app.supervisor.processes import adopt_orphans, end_all_of, reap_orphans
from serve_app.supervisor.ray_head import RayHead
from serve_app.supervisor.run_folder import Ports, RunFolder, ensure_key, make_secret, port_is_free
from serve_app.supervisor.serve_client import Rollout, ServeClient

_ROLLOUT_PATIENCE_S = 600.0
"""A rollout that fails says so at once; this bounds how slow a machine may be."""
_DRAIN_PATIENCE_S = 12.0
_WATCH_PERIOD_S = 0.7
_SILENCE_LIMIT_S = 30.0
"""How long the HTTP port may not answer, with Ray alive, before Ray is started anew. Serve repairs itself faster."""


class StopRequested(Exception):
    """Raised by a signal handler in the middle of whatever the supervisor starts or repairs."""


class Supervisor:
    """One running copy. `run` returns when `stop` was called from a signal handler and all has ended."""

    def __init__(self, settings: Settings, console: Console, on_ready: Callable[[Supervisor], None]) -> None:
        self._settings = settings
        self._console = console
        self._on_ready = on_ready
        self._lock = HomeLock(settings.home)
        self._folder = RunFolder(settings.home)
        self.ray_token = settings.home / "keys" / "ray_token"
        self._stopping = threading.Event()
        self._ports = Ports(0)
        self._ray: RayHead | None = None
        self._serve = ServeClient("", self.ray_token)
        self._serve_config = serve_config(
            settings.api_host, settings.api_port, settings.embedding_model, settings.log_level, settings.log_format
        )
        self._dsn = ""
        # A new connection for each look: what a kept one says is nothing about who wants to connect now.
        self._http = httpx.Client(
            base_url=f"http://{settings.api_host}:{settings.api_port}",
            timeout=3.0,
            trust_env=False,
            verify=False,  # noqa: S501  # plain HTTP on this machine needs no certificates
            limits=httpx.Limits(max_keepalive_connections=0),
        )
        self._answered_at = time.monotonic()
        self._tail = LogTail(self._folder.ray_logs, self._show_line)

    def stop(self) -> None:
        """For signal handlers: begin to stop, also in the middle of the start. Called again it does nothing."""
        if not self._stopping.is_set():
            self._stopping.set()
            raise StopRequested

    def run(self) -> None:
        """Raises ConfigurationInvalid or DependencyAway when the start fails; nothing is left running then."""
        self._lock.take()
        try:
            self.start()
            self._on_ready(self)
            self.watch()
        except StopRequested:
            self._console.print("stopping")
        finally:
            self._stopping.set()
            self.shut_down()

    def start(self) -> None:
        """Everything up to a healthy application."""
        settings = self._settings
        adopt_orphans()
        # What a killed supervisor left behind holds the port, too.
        end_all_of(self._folder.path)
        if not port_is_free(settings.api_host, settings.api_port):
            raise ConfigurationInvalid(f"port {settings.api_port} is taken; stop what uses it or set API_PORT")
        self._folder.make()
        self._ports = self._folder.choose_ports()
        self._serve = ServeClient(self.dashboard_url, self.ray_token)
        for name, file in key_files(settings.home).items():
            ensure_key(file, make_push_key if name == "local_push_key" else make_secret)
        ensure_key(self.ray_token)
        with self._step("PostgreSQL"):
            self._dsn = self._start_postgres()
        with self._step("Ray, database schema and knowledge"):
            self._start_ray_and_data()
        self._deploy()
        self._lock.announce(self.running_copy())

    def watch(self) -> None:
        """Repair what died and show what replicas say, until `stop`."""
        # The signal's exception may be lost where Python ignores exceptions, as in a finaliser.
        while not self._stopping.is_set():
            self._tail.poll()
            reap_orphans()
            try:
                self._repair()
            except FteError as error:
                self._console.print(f"[red]repair failed, trying again: {error}[/red]")
            time.sleep(_WATCH_PERIOD_S)

    def shut_down(self) -> None:
        """Stop all of it; safe at any point of the start."""
        if self._ray is not None:
            with self._step("stopping: replicas finish what they have"):
                if self._ray.alive():
                    self._serve.delete(_DRAIN_PATIENCE_S)
                self._tail.poll()
            with self._step("stopping: Ray"):
                self._ray.stop()
        if self._settings.embedded and self._dsn:
            from crm.embedded import EmbeddedServer

            with self._step("stopping: PostgreSQL"):
                EmbeddedServer(self._settings.home).stop()
        end_all_of(self._folder.path)
        reap_orphans()
        self._folder.remove()
        self._lock.release()

    @property
    def dashboard_url(self) -> str:
        return f"http://127.0.0.1:{self._ports.dashboard}"

    def running_copy(self) -> RunningCopy:
        form_url = f"http://{self._settings.api_host}:{self._settings.api_port}/"
        dsn = self._dsn if self._settings.embedded else ""
        return RunningCopy(os.getpid(), self._ports.first, form_url, self.dashboard_url, dsn)

    def _start_postgres(self) -> str:
        if not self._settings.embedded:
            return self._settings.dsn()
        from crm.embedded import EmbeddedServer

        return EmbeddedServer(self._settings.home).start(self._settings.postgres_db)

    def _start_ray_and_data(self) -> None:
        """Side by side: Ray needs only the database's address."""
        environment = self._database_environment()
        self._ray = RayHead(self._folder, self._ports, self.ray_token, environment, self._serve_config)
        knowledge = FollowedKnowledge(self._settings, environment)
        with ThreadPoolExecutor(max_workers=1) as beside:
            ray_started = beside.submit(self._ray.start)
            is_new = bool(migrate_database(self._dsn))
            if is_new or knowledge.changed:
                knowledge.sync()
            ray_started.result()

    def _database_environment(self) -> dict[str, str]:
        """Replicas are told the embedded server's socket folder, so that they can start while it is away."""
        environment = {"FTE_HOME": str(self._settings.home)}
        if self._settings.embedded:
            environment["POSTGRES_HOST"] = parse_qs(urlsplit(self._dsn).query)["host"][0]
        return environment

    def _deploy(self) -> None:
        with self._console.status("Serve application") as status:
            began = time.monotonic()
            self._serve.put(self._serve_config)

            def report(rollout: Rollout) -> None:
                parts = ", ".join(f"{name} {ready}/{all_}" for name, (ready, all_) in rollout.replicas.items())
                status.update(f"Serve application: {parts}")
                self._tail.poll()

            self._serve.wait_until_running(APP_NAME, _ROLLOUT_PATIENCE_S, report)
            self._wait_for_http()
            self._say_done("Serve application", began)

    def _wait_for_http(self, patience_s: float = 180.0) -> None:
        deadline = time.monotonic() + patience_s
        while not self._http_answers():
            if time.monotonic() > deadline:
                raise DependencyAway(f"port {self._settings.api_port} does not answer although Serve is running")
            time.sleep(0.05)

    def _http_answers(self) -> bool:
        try:
            answer = self._http.get("/health")
        except httpx.HTTPError:
            return False
        # Any answer of the application, a 503 while the database is away too, shows that requests arrive.
        return answer.status_code in (200, 503)

    def _repair(self) -> None:
        assert self._ray is not None
        if self._settings.embedded and not self._postgres_runs():
            with self._step("PostgreSQL died: starting it again"):
                self._start_postgres()
        now = time.monotonic()
        if self._http_answers():
            self._answered_at = now
        if not self._ray.alive():
            self._restart_ray("Ray died")
        elif now - self._answered_at > _SILENCE_LIMIT_S:
            self._restart_ray(f"no answer for {_SILENCE_LIMIT_S:.0f} s")
        else:
            for name in self._ray.repair():
                self._console.print(f"[yellow]the {name} died: started again[/yellow]")

    def _postgres_runs(self) -> bool:
        from crm.embedded import EmbeddedServer

        return EmbeddedServer(self._settings.home).running()

    def _restart_ray(self, why: str) -> None:
        assert self._ray is not None
        with self._step(f"{why}: starting it again"):
            self._ray.stop()
            self._tail = LogTail(self._folder.ray_logs, self._show_line)
            self._ray.start()
        self._deploy()
        self._answered_at = time.monotonic()

    @contextlib.contextmanager
    def _step(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        with self._console.status(what):
            yield
        self._say_done(what, began)

    def _say_done(self, what: str, began: float) -> None:
        self._console.print(f"[green]✓[/green] {what} [dim]{time.monotonic() - began:.1f} s[/dim]")

    def _show_line(self, line: str) -> None:
        self._console.out(line, highlight=False)
