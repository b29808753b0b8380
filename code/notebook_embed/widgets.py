"""Widgets of Jupyter as they stand: their stored state as HTML, for no kernel is behind a page."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from notebook_embed.terminal import last_state

__all__ = ["VIEW_OF_WIDGET", "settle_widgets"]

VIEW_OF_WIDGET = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
DEPTH = 20


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


def still(models: Mapping[str, Any], name: str, depth: int = 0) -> str:
    """Return a widget's HTML, those inside of it included; empty where nothing is known of it."""
    model = models.get(name.removeprefix("IPY_MODEL_"))
    if not isinstance(model, Mapping) or depth > DEPTH:
        return ""
    state = model.get("state", {})
    kind = str(model.get("model_name", "")).removesuffix("Model")
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
