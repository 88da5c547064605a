"""What the measurements were made on: the machine, the versions, and how busy it was."""

import hashlib
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from catalogue import PEERS

ALSO = ("numpy", "scipy", "torch")


def versions():
    """The version of each package, or None where it is not installed."""
    found = {}
    for name in sorted({peer.distribution for peer in PEERS.values()} | set(ALSO)):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def processor():
    """The processor's name, as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def libraries():
    """The linear algebra that numpy runs on, and the kernels it chose here."""
    import numpy  # noqa: F401  (loads the library that is asked about)
    from threadpoolctl import threadpool_info

    found = {f"{i['internal_api']} {i['version']} ({i.get('architecture', '?')})" for i in threadpool_info()}
    return sorted(found)


def memory():
    """Gigabytes of memory, or None where the system does not say."""
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    except (ValueError, OSError, AttributeError):
        return None


def output(*command):
    """The first line that a command prints, or an empty text if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parent)
    except OSError:
        return ""
    return done.stdout.strip().split("\n")[0] if done.returncode == 0 else ""


def describe(program):
    """All of it, for a results file."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_gb": memory(),
        "system": f"{platform.system()} {platform.release().split('-')[0]} {platform.machine()}",
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "libraries": libraries(),
        "program": output(str(program), "--version"),
        "digest": hashlib.sha256(program.read_bytes()).hexdigest()[:16],
        "commit": output("git", "rev-parse", "--short", "HEAD"),
        "versions": versions(),
    }
