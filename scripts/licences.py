"""Prints the licences of all that is linked into a package of this workspace, with their texts.

    python3 scripts/licences.py partwise-cli > THIRD-PARTY-LICENSES

It reads the sources that Cargo has fetched, for the machine it runs on and the features that are on by
default. A crate without a licence text of its own is given that of another crate of the same owner, or the
plain text that it names. It fails where there is neither, and where a crate that is linked was not fetched.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CARGO = os.environ.get("CARGO", "cargo")
TEXT = re.compile(r"(un)?licen[cs]e|copying|copyright|notice", re.IGNORECASE)
# What is carried along in a crate's folders, and not beside its manifest.
BESIDES = {
    "partwise-report": ["assets/LICENSE_DEJAVU.txt"],
    "regex-syntax": ["src/unicode_tables/LICENSE-UNICODE"],
    "rust-stemmers": ["algorithms/LICENSE"],
    "zstd-sys": ["zstd/LICENSE"],
}
RULE = "=" * 80


def cargo(*arguments: str) -> str:
    command = [CARGO, *arguments, "--locked", "--offline"]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def linked(package: str) -> set[tuple[str, str]]:
    """Names and versions of what is linked: no macros, nothing that only builds or tests."""
    lines = cargo(
        "tree", "-p", package, "-e", "normal,no-proc-macro", "--prefix", "none", "-f", "{p}"
    ).splitlines()
    return {(line.split()[0], line.split()[1].removeprefix("v")) for line in lines if line}


def own_texts(crate: dict) -> list[str]:
    folder = Path(crate["manifest_path"]).parent
    paths = [folder / path for path in BESIDES.get(crate["name"], [])]
    if crate["source"]:
        paths += sorted(path for path in folder.iterdir() if path.is_file() and TEXT.match(path.name))
    return [path.read_text(encoding="utf-8", errors="replace").strip() for path in paths]


def owner(crate: dict) -> str:
    # Some owners have moved between hosts and changed names; their crates name the same person.
    return (crate["authors"] or [crate["repository"] or crate["name"]])[0]


def plain_text(crate: dict) -> list[str]:
    """The text that the crate's licence names, as the crate itself does not bring it."""
    if "MIT" in crate["license"]:
        terms = (ROOT / "LICENSE-MIT").read_text().split("\n\n", 2)[2]
        holders = ", ".join(crate["authors"]) or f"the authors of {crate['name']}"
        return [f"MIT License\n\nCopyright (c) {holders}\n\n{terms.strip()}"]
    if "Apache-2.0" in crate["license"]:
        return [(ROOT / "LICENSE-APACHE").read_text().strip()]
    return []


def main() -> int:
    if len(sys.argv) != 2:
        print("licences: say which package, such as partwise-cli", file=sys.stderr)
        return 2
    known = {
        (crate["name"], crate["version"]): crate
        for crate in json.loads(cargo("metadata", "--format-version", "1"))["packages"]
    }
    crates = [known[key] for key in sorted(linked(sys.argv[1]))]
    texts = {crate["id"]: own_texts(crate) for crate in crates}
    # Ours that bring nothing of others are under the licences beside this file.
    crates = [crate for crate in crates if crate["source"] or texts[crate["id"]]]
    for crate in crates:
        if texts[crate["id"]]:
            continue
        siblings = [
            other for other in crates if owner(other) == owner(crate) and other["license"] == crate["license"]
        ]
        texts[crate["id"]] = next(
            (texts[other["id"]] for other in siblings if texts[other["id"]]), plain_text(crate)
        )
        if not texts[crate["id"]]:
            print(
                f"licences: {crate['name']} {crate['version']} ({crate['license']}) brings no text",
                file=sys.stderr,
            )
            return 1
    standard = {
        "id": "std",
        "name": "std",
        "license": "MIT OR Apache-2.0",
        "authors": ["The Rust Project contributors"],
    }
    texts["std"] = plain_text(standard)

    print("What is linked into partwise, under which licence, and the texts of these licences.\n")
    for crate in [standard, *crates]:
        where = (crate.get("source") and crate["repository"]) or ""
        name = {"std": "Rust's standard library", "partwise-report": "DejaVu fonts"}.get(crate["name"])
        licence = "Bitstream Vera" if crate["name"] == "partwise-report" else crate["license"]
        print(f"{name or crate['name'] + ' ' + crate['version']}: {licence} {where}".rstrip())
    # Texts that differ by line ends and indentation alone are one.
    users: dict[str, tuple[str, list[str]]] = {}
    for crate in [standard, *crates]:
        for text in texts[crate["id"]]:
            users.setdefault(" ".join(text.split()), (text, []))[1].append(crate["name"])
    for text, names in users.values():
        print(f"\n{RULE}\n{', '.join(names)}\n{RULE}\n\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
