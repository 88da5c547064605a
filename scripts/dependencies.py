"""Fails when a direct dependency has no note in docs/dependencies.md, or a note no dependency.

Also when no source of a crate names one of its dependencies, and when a lock file is missing or not in Git.
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
CRATES = [*(path.parent for path in sorted(ROOT.glob("crates/*/Cargo.toml"))), ROOT / "python", ROOT / "fuzz"]
# Folders of a crate where its dependencies are named, and others where those of its tests may be.
SOURCE = ["src", "fuzz_targets"]
TESTS = ["tests", "benches", "examples"]


def dependencies() -> set[str]:
    """The names of all direct dependencies that are not crates of this repository."""
    names = set()
    for folder in [ROOT, *CRATES]:
        manifest = tomllib.loads((folder / "Cargo.toml").read_text())
        tables = [manifest, manifest.get("workspace", {}), *manifest.get("target", {}).values()]
        for table in tables:
            for kind in ["dependencies", "dev-dependencies", "build-dependencies"]:
                for name, wanted in table.get(kind, {}).items():
                    if not (isinstance(wanted, dict) and "path" in wanted) and not name.startswith(
                        "partwise"
                    ):
                        names.add(name)
    return names


def unnamed(crate: Path) -> list[str]:
    """The direct dependencies that a crate names nowhere; where its tests name one, it is theirs alone."""

    def text(rooms: list[str]) -> str:
        files = [path for room in rooms for path in sorted((crate / room).rglob("*.rs"))]
        return "\n".join(path.read_text() for path in files)

    manifest = tomllib.loads((crate / "Cargo.toml").read_text())
    searched = {"dependencies": text(SOURCE), "dev-dependencies": text([*SOURCE, *TESTS])}
    return [
        name
        for kind, source in searched.items()
        for name in manifest.get(kind, {})
        if not re.search(rf"\b{name.replace('-', '_')}(::|;)", source)
    ]


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
    for crate in CRATES:
        where = crate.relative_to(ROOT)
        faults += [f"{name}: no source of {where} names it" for name in unnamed(crate)]
    for lock in LOCKS:
        known = subprocess.run(["git", "ls-files", "--error-unmatch", lock], cwd=ROOT, capture_output=True)
        if not (ROOT / lock).exists() or ((ROOT / ".git").exists() and known.returncode != 0):
            faults.append(f"{lock}: is not in the repository")
    for fault in faults:
        print(f"dependencies: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
