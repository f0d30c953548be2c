"""Stand-ins for pods on one machine: a network, mount and process namespace each, joined by a bridge.

What a manifest asks of a pod holds here too: another user than root, no capability, a root file system that cannot be
written, a /tmp and a /dev/shm of its own, an address of its own. There is no image (the virtual environment and the
files that the Dockerfile copies are mounted), no limit of memory and no Kubernetes. Needs root, as on a CI machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

APP = "/mnt/app"
_UID = "10001"
_HIDDEN = ("/tmp", "/root")
"""Folders that a pod gets empty; what it needs of them is mounted again at its own place."""
_TOOLS = ("unshare", "nsenter", "setpriv", "ip", "mount", "bash")
_READY = "ready"
_GATEWAY = "10.77.0.1"


def why_not() -> str:
    """Why there can be no pods here; empty where there can."""
    if missing := [tool for tool in _TOOLS if shutil.which(tool) is None]:
        return f"no {missing[0]}"
    if os.geteuid() != 0:
        return "namespaces of networks and mounts need root"
    probe = subprocess.run(
        ["unshare", "--net", "--mount", "--pid", "--fork", "ip", "link", "add", "br0", "type", "bridge"],
        capture_output=True,
        text=True,
        check=False,
    )
    return f"namespaces are not allowed: {probe.stderr.strip()}" if probe.returncode else ""


class Pod:
    """Processes with an address of their own; `run` and `start` add some."""

    def __init__(self, name: str, address: str, holder: subprocess.Popen[str]) -> None:
        self.name = name
        self.address = address
        self._holder = holder
        self._init = _only_child(holder.pid)
        self._started: list[subprocess.Popen[str]] = []

    def start(
        self, command: Sequence[str], environment: Mapping[str, str], output: Path | None = None
    ) -> subprocess.Popen[str]:
        """Start a process as the image's user would; its output goes to `output`, or to the one who started it."""
        # fmt: off
        entered = [
            "nsenter", f"--target={self._init}", "--net", "--mount", "--pid",
            "setpriv", f"--reuid={_UID}", f"--regid={_UID}", "--clear-groups", "--bounding-set=-all",
            "--inh-caps=-all", "--no-new-privs", "env", f"--chdir={APP}", *command,
        ]
        # fmt: on
        with (output or Path(os.devnull)).open("a") as stream:
            process = subprocess.Popen(
                entered,
                env={**_image_environment(), **environment},
                stdin=subprocess.DEVNULL,
                stdout=stream if output else subprocess.PIPE,
                stderr=stream if output else subprocess.PIPE,
                text=True,
            )
        self._started.append(process)
        return process

    def run(self, command: Sequence[str], environment: Mapping[str, str], patience_s: float = 400) -> str:
        """What the command prints. Fails the test with its errors when it fails."""
        process = self.start(command, environment)
        out, errors = process.communicate(timeout=patience_s)
        what = f"{self.name}: {' '.join(command)[:200]}"
        assert process.returncode == 0, f"{what}\nended with {process.returncode}: {errors[-3000:]}"
        return out

    def join(self, network: subprocess.Popen[str]) -> None:
        """Plug it into the bridge."""
        switch, port = str(_only_child(network.pid)), f"v-{self.name}"
        inside = ["nsenter", f"--target={switch}", "--net", "ip", "link"]
        _do(*inside, "add", port, "type", "veth", "peer", "name", "eth0", "netns", str(self._init))
        _do(*inside, "set", port, "master", "br0", "up")
        here = ["nsenter", f"--target={self._init}", "--net", "ip"]
        _do(*here, "link", "set", "lo", "up")
        _do(*here, "addr", "add", f"{self.address}/24", "dev", "eth0")
        _do(*here, "link", "set", "eth0", "up")
        # It leads nowhere, but a process that asks which address it has looks where the default route goes.
        _do(*here, "route", "add", "default", "via", _GATEWAY)

    def end(self) -> None:
        """End every process in it."""
        _release(self._holder)
        for process in self._started:
            process.communicate()


class Pods:
    """A bridge with pods; `close` ends all of it. `app` is mounted read-only, and `hosts` are names for addresses."""

    def __init__(self, app: Path, names: Sequence[str], hosts: Mapping[str, str]) -> None:
        self._app = app
        addresses = {name: f"10.77.0.{number}" for number, name in enumerate(names, 2)}
        self._hosts = "".join(f"{addresses[pod]} {host}\n" for host, pod in hosts.items())
        self._bridge = _hold(
            ["--net"], f"ip link add br0 type bridge; ip addr add {_GATEWAY}/24 dev br0; ip link set br0 up"
        )
        self._pods: dict[str, Pod] = {}
        for name, address in addresses.items():
            pod = Pod(name, address, _hold(["--net", "--mount", "--pid", "--mount-proc"], self._mounts()))
            self._pods[name] = pod
            pod.join(self._bridge)

    def __getitem__(self, name: str) -> Pod:
        return self._pods[name]

    def close(self) -> None:
        for pod in self._pods.values():
            pod.end()
        _release(self._bridge)

    def _mounts(self) -> str:
        kept = [path for path in _needed() if str(path).startswith(_HIDDEN)]
        steps = ["mount -t tmpfs -o mode=755 tmpfs /mnt", f"mkdir {APP} /mnt/kept"]
        steps += [f"mount --bind '{self._app}' {APP}", f"mount -o remount,bind,ro {APP}"]
        steps += [f"mkdir /mnt/kept/{n}; mount --bind '{path}' /mnt/kept/{n}" for n, path in enumerate(kept)]
        steps += [f"mount -t tmpfs -o mode=755 tmpfs {folder}" for folder in _HIDDEN]
        steps += ["chmod 1777 /tmp", "mount -t tmpfs -o mode=1777 tmpfs /dev/shm"]
        steps += [f"mkdir -p '{path}'; mount --bind /mnt/kept/{n} '{path}'" for n, path in enumerate(kept)]
        steps += [f"printf '127.0.0.1 localhost\\n{self._hosts}' > /mnt/hosts", "mount --bind /mnt/hosts /etc/hosts"]
        steps += [f"printf 'root:x:0:0::/:\nfte:x:{_UID}:{_UID}::/tmp:\n' > /mnt/passwd"]
        steps += ["mount --bind /mnt/passwd /etc/passwd"]
        return "\n".join([*steps, "mount -o remount,bind,ro /"])


def _needed() -> list[Path]:
    return [Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()]


def _image_environment() -> dict[str, str]:
    """As the Dockerfile sets it."""
    path = f"{Path(sys.prefix).resolve()}/bin:/usr/local/bin:/usr/bin:/bin"
    return {"PATH": path, "PYTHONPATH": APP, "PYTHONSAFEPATH": "1", "HOME": "/tmp", "LANG": "C.UTF-8"}


def _hold(namespaces: Sequence[str], setup: str) -> subprocess.Popen[str]:
    """Namespaces that live as long as the returned process, which dies with this one: it reads what is never written.

    Its child is a shell, because whoever is the first process of a namespace must collect the orphans in it.
    """
    script = f"{setup}\necho {_READY}\nread -r _"
    holder = subprocess.Popen(
        ["unshare", *namespaces, "--fork", "--kill-child", "bash", "-euc", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline().strip() == _READY, f"no namespaces: {' '.join(namespaces)}"
    return holder


def _release(holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.communicate()


def _only_child(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii"))


def _do(*command: str) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
