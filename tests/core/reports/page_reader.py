"""Reads a report back as a browser would: its text, its tables, what it loads, and the data of its charts."""

import base64
import gzip
import json
from dataclasses import dataclass, field
from html.parser import HTMLParser

import numpy as np

SCRIPT = "Bokeh.embed.embed_items("


@dataclass
class Page:
    """Elements as (name, attributes), text by section title, tables as lists of rows, and scripts."""

    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    sections: dict[str, str] = field(default_factory=dict)
    tables: dict[str, list[list[str]]] = field(default_factory=dict)
    scripts: list[str] = field(default_factory=list)

    def table(self, section: str, first: str) -> list[str]:
        """The cells of the one row of a section whose first cell is this."""
        [row] = [row for row in self.tables[section] if row[0] == first]
        return row

    def charts(self) -> list[dict]:
        """Every object of Bokeh by its JSON."""
        [script] = [script for script in self.scripts if script.startswith(SCRIPT)]
        document, _ = json.JSONDecoder().raw_decode(script.removeprefix(SCRIPT))
        return list(_objects(document))

    def columns(self) -> list[dict]:
        """The columns of every data source, as arrays and lists."""
        sources = [found["attributes"]["data"] for found in self.charts() if found["name"] == "ColumnDataSource"]
        return [{name: _array(values) for name, values in source["entries"]} for source in sources]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page, self.inside, self.title = Page(), [], ""

    def handle_starttag(self, tag, attrs):
        self.page.elements.append((tag, dict(attrs)))
        self.inside.append(tag)
        if tag == "tr":
            self.page.tables.setdefault(self.title, []).append([])
        if tag in ("td", "th"):
            self.page.tables[self.title][-1].append("")
        if tag in ("meta",):
            self.inside.pop()

    def handle_endtag(self, tag):
        assert self.inside.pop() == tag, "elements must be closed in order"

    def handle_data(self, data):
        here = self.inside[-1] if self.inside else ""
        if here == "script":
            self.page.scripts.append(data)
        elif here in ("h1", "h2"):
            self.title = data
            self.page.sections[data] = ""
        elif here in ("td", "th"):
            self.page.tables[self.title][-1][-1] += data
        if self.title and here not in ("h1", "h2", "script"):
            self.page.sections[self.title] += data + "\n"


def read(html: str) -> Page:
    """The page of an HTML text; fails where an element is not closed in its turn."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert reader.inside == []
    return reader.page


def _objects(value):
    if isinstance(value, dict):
        if value.get("type") == "object":
            yield value
        for inner in value.values():
            yield from _objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _objects(inner)


def _array(values):
    if isinstance(values, dict) and values["type"] == "ndarray":
        data = gzip.decompress(base64.b64decode(values["array"]["data"]))
        return np.frombuffer(data, dtype=values["dtype"])
    return values
