"""Fails when a direct dependency has no note in docs/dependencies.md, or a note no dependency.

Also when a lock file is missing or not in Git.
"""

import re
import subprocess
import sys
from pathlib import Path

import tomllib

ROOT = Path(__file__).resolve().parent.parent
NOTES = ROOT / "docs/dependencies.md"
LOCKS = ["Cargo.lock", "fuzz/Cargo.lock"]
# Named by what it is re-exported from.
WITH_ANOTHER = {"arbitrary": "libfuzzer-sys"}


def dependencies() -> set[str]:
    """The names of all direct dependencies that are not crates of this repository."""
    names = set()
    for path in [
        ROOT / "Cargo.toml",
        *ROOT.glob("crates/*/Cargo.toml"),
        ROOT / "python/Cargo.toml",
        ROOT / "fuzz/Cargo.toml",
    ]:
        manifest = tomllib.loads(path.read_text())
        tables = [manifest, manifest.get("workspace", {}), *manifest.get("target", {}).values()]
        for table in tables:
            for kind in ["dependencies", "dev-dependencies", "build-dependencies"]:
                for name, wanted in table.get(kind, {}).items():
                    if not (isinstance(wanted, dict) and "path" in wanted) and not name.startswith(
                        "partwise"
                    ):
                        names.add(name)
    return names


def notes() -> dict[str, str]:
    """The crates that have a line, and what it says."""
    lines = re.findall(r"^\| `([\w-]+)` \| (.+) \|$", NOTES.read_text(), re.MULTILINE)
    return dict(lines)


def main() -> int:
    wanted, noted = dependencies(), notes()
    faults = [f"{name}: has no line in docs/dependencies.md" for name in sorted(wanted - set(noted))]
    for name in sorted(set(noted) - wanted):
        if WITH_ANOTHER.get(name) not in wanted:
            faults.append(f"{name}: has a line in docs/dependencies.md and is no direct dependency")
    for name, text in noted.items():
        if any(len(cell.strip()) < 4 for cell in text.split(" | ")) or " | " not in text:
            faults.append(f"{name}: its line in docs/dependencies.md does not say what for, and why this one")
    for lock in LOCKS:
        known = subprocess.run(["git", "ls-files", "--error-unmatch", lock], cwd=ROOT, capture_output=True)
        if not (ROOT / lock).exists() or ((ROOT / ".git").exists() and known.returncode != 0):
            faults.append(f"{lock}: is not in the repository")
    for fault in faults:
        print(f"dependencies: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
