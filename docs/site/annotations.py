"""Types and defaults of parameters for the API reference, as the docstrings have them."""

import inspect
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
                if member.is_class and member.has_docstring:
                    # Where the class adds to it what the one that it extends says.
                    made = griffe.dynamic_import(member.path).__doc__
                    member.docstring.value = inspect.cleandoc(made or member.docstring.value)
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
