"""What draws the charts of the HTML page: the library BokehJS whole, and the figures as JSON with ids of their own."""

import json
from collections.abc import Mapping
from typing import Any

from bokeh.document import Document
from bokeh.models import LayoutDOM
from bokeh.resources import Resources

from fxgpt_core.reports.section import Chart

LIBRARY = Resources(mode="inline", components=["bokeh"], minified=True, log_level="error")


def charts_script(drawn: Mapping[Chart, LayoutDOM], then: str = "") -> str:
    """The script elements that draw the charts into the elements of their names; `then` is a script that runs after it."""
    document = Document()
    for model in drawn.values():
        document.add_root(model)
    numbers: dict[str, str] = {}
    described = _renumbered(document.to_json(deferred=False), numbers)
    places = {numbers[model.id]: str(chart) for chart, model in drawn.items()}
    after = f".then(() => {{{then}}})" if then else ""
    item = {"docid": "report", "roots": places, "root_ids": list(places)}
    return (
        f"<script>{''.join(LIBRARY.js_raw)}</script>\n"
        f"<script>Bokeh.embed.embed_items({_json({'report': described})}, {_json([item])}){after};</script>"
    )


def _renumbered(value: Any, numbers: dict[str, str]) -> Any:
    """The same with ids counted from 0: Bokeh's go on counting through a process, and equal reports must be equal bytes."""
    if isinstance(value, dict):
        return {
            name: numbers.setdefault(inner, f"m{len(numbers)}") if name == "id" else _renumbered(inner, numbers)
            for name, inner in value.items()
        }
    return [_renumbered(inner, numbers) for inner in value] if isinstance(value, list | tuple) else value


def _json(value: Any) -> str:
    # No text of ours may end the script element it stands in.
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
