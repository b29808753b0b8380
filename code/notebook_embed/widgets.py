"""Widgets of Jupyter as they stand: their stored state, for no kernel is behind a page.

Each gets a form in HTML. What readers can move keeps its state too, for the script that draws it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import escape
from typing import Any

from notebook_embed.terminal import last_state

__all__ = ["LEFT_OUT", "STATE_OF_VIEW", "VIEW_OF_WIDGET", "height_of", "settle_widgets"]

VIEW_OF_WIDGET = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
DEPTH = 20
#: Where an output's own form of a widget keeps the state of all that it shows.
STATE_OF_VIEW = "state"
#: What the page's script knows; it fetches nothing.
MODULES = frozenset(f"@jupyter-widgets/{name}" for name in ("base", "controls", "output"))
#: What readers are told of a control whose package draws it, and nobody else.
LEFT_OUT = "is not shown here"
#: Of these nothing can be moved: their HTML shows as much.
STILL = frozenset(
    "HTML HTMLMath Label FloatProgress IntProgress Image Audio Video Valid "  # noqa: SIM905
    "Box HBox VBox GridBox Layout Output".split()
)
_NAMED = re.compile(r'"(?:IPY_MODEL_|model_id": ?")([^"]+)"')


def settle_widgets(node: Any) -> None:
    """Give each widget among a notebook's outputs a form in HTML, from the state stored in it."""
    stored = node.metadata.get("widgets", {}).get(STATE, {})
    models = stored.get("state", {}) if isinstance(stored, Mapping) else {}
    for cell in node.cells:
        for output in cell.get("outputs", []):
            view = output.get("data", {}).get(VIEW_OF_WIDGET)
            if isinstance(view, Mapping):
                made = still(models, str(view.get("model_id", "")))
                if made and "text/html" not in output["data"]:
                    output["data"]["text/html"] = f'<div class="nb-widget">{made}</div>'
                if made and (kept := _moving(models, str(view["model_id"]))):
                    output["data"][VIEW_OF_WIDGET] = kept


def _moving(models: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """Return a widget's view with the state of all in it, or None where nothing of it moves.

    The random names of models become numbers, so that two runs put out the same.
    """
    state = _reached(models, name)
    parts = [(str(one.get("model_module")), _kind(one)) for one in state.values()]
    passive = all(kind in STILL or kind.endswith("Style") for _, kind in parts)
    if passive or not {module for module, _ in parts} <= MODULES:
        return None
    text = json.dumps(state)
    for number, key in enumerate(state):
        text = text.replace(f'"{key}"', f'"w{number}"')
        text = text.replace(f'"IPY_MODEL_{key}"', f'"IPY_MODEL_w{number}"')
    own = {"version_major": 2, "version_minor": 0, "model_id": "w0"}
    return {**own, STATE_OF_VIEW: json.loads(text)}


def _reached(models: Mapping[str, Any], name: str) -> dict[str, Mapping[str, Any]]:
    """Return the models that a widget is made of, itself first, and what links them."""
    found: dict[str, Mapping[str, Any]] = {}
    due = [name]
    while due:
        key = due.pop(0)
        if key in found or not isinstance(model := models.get(key), Mapping):
            continue
        found[key] = model
        due += _NAMED.findall(json.dumps(model.get("state", {})))
        due += [
            other
            for other, link in models.items()
            if isinstance(link, Mapping)
            and _kind(link) in ("Link", "DirectionalLink")
            and key in _NAMED.findall(json.dumps(link.get("state", {}).get("source")))
        ]
    return found


#: In pixels, as the script draws them: a control, and what is higher than one.
ROW = 34
HEIGHTS = {"Textarea": 70, "SelectMultiple": 110, "Select": 110}


def height_of(models: Mapping[str, Any], name: str = "w0", depth: int = 0) -> int:
    """Return about how high a widget is drawn, in pixels, so that the page rests when it is."""
    model = models.get(name.removeprefix("IPY_MODEL_"))
    if not isinstance(model, Mapping) or depth > DEPTH:
        return 0
    kind, state = _kind(model), model.get("state", {})
    children = [height_of(models, str(child), depth + 1) for child in state.get("children") or []]
    if not children:
        return HEIGHTS.get(kind, ROW)
    if kind in ("HBox", "GridBox"):
        return max(children)
    if kind in ("Tab", "Stack"):
        shown = state.get("selected_index") or 0
        return children[min(int(shown), len(children) - 1)] + 2 * ROW
    if kind == "Accordion":
        return ROW * len(children)
    return sum(children)


def _kind(model: Mapping[str, Any]) -> str:
    return str(model.get("model_name", "")).removesuffix("Model")


def still(models: Mapping[str, Any], name: str, depth: int = 0) -> str:
    """Return a widget's HTML, those inside of it included; empty where nothing is known of it."""
    model = models.get(name.removeprefix("IPY_MODEL_"))
    if not isinstance(model, Mapping) or depth > DEPTH:
        return ""
    state = model.get("state", {})
    kind = _kind(model)
    label = escape(str(state.get("description") or ""))
    label = f"<span>{label}</span> " if label else ""
    if children := state.get("children"):
        parts = [still(models, str(child), depth + 1) for child in children]
        tag = "span" if kind == "HBox" else "div"
        return "".join(f"<{tag}>{part}</{tag}> " for part in parts if part)
    if kind in ("HTML", "HTMLMath"):
        return label + str(state.get("value") or "")
    if kind == "Output":
        return "".join(map(_output, state.get("outputs") or []))
    if kind in ("FloatProgress", "IntProgress"):
        begin, end, value = (_number(state.get(key), key) for key in ("min", "max", "value"))
        done = f'<progress value="{value - begin:g}" max="{max(end - begin, 1e-9):g}"></progress>'
        return label + done
    if "_options_labels" in state and (chosen := state.get("index")) is not None:
        options = state["_options_labels"]
        picked = [chosen] if isinstance(chosen, int) else chosen
        return label + escape(", ".join(str(options[n]) for n in picked if n < len(options)))
    if isinstance(value := state.get("value"), str | int | float | list) and kind != "Image":
        return f"{label}<span>{escape(str(value))}</span>"
    if (module := str(model.get("model_module") or "")) and module not in MODULES:
        return (
            f'<p class="nb-notice">{escape(kind)}, a control of {escape(module)}, {LEFT_OUT}.</p>'
        )
    return label or f"<em>{escape(kind or 'A control')}</em>"


def _number(value: Any, key: str) -> float:
    known = isinstance(value, int | float)
    return float(value) if known else {"min": 0.0, "max": 100.0, "value": 0.0}[key]


def _output(output: Mapping[str, Any]) -> str:
    data = output.get("data", {})
    if html := data.get("text/html"):
        return str(html)
    text = output.get("text") or data.get("text/plain") or ""
    return f"<pre>{last_state(str(text))}</pre>"
