"""Types and defaults of parameters for the API reference, as the docstrings have them."""

import re

import griffe

ITEM = re.compile(r"^(?P<names>\w[\w, ]*) : (?P<type>.*?)(?:, default=(?P<default>.+))?$", re.MULTILINE)


class AsWritten(griffe.Extension):
    """Without it `{"kullback-leibler", …}` is shown as a difference, and a first word as the default."""

    def on_package(self, *, pkg, **_):
        self._visit(pkg)

    def _visit(self, thing):
        for member in thing.members.values():
            if not member.is_alias:
                self._mend(member.docstring)
                self._visit(member)

    def _mend(self, docstring):
        if docstring is None:
            return
        docstring.parser = "numpy"
        written = {
            name.strip(): match
            for match in ITEM.finditer(docstring.value)
            for name in match["names"].split(",")
        }
        for section in docstring.parsed:
            if section.kind not in (
                griffe.DocstringSectionKind.parameters,
                griffe.DocstringSectionKind.attributes,
            ):
                continue
            for item in section.value:
                if match := written.get(item.name):
                    item.annotation = match["type"]
                    item.value = match["default"]
