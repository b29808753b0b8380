"""Numbers in posts come from cells. What was measured is never typed into prose by hand.

Of each post remains what an author typed as prose: no front matter, code, mathematics, embeds, links
or headings. There, no post may hold a number that looks measured: a decimal, a percentage, a count of
seconds, levels and so on. Where a post speaks of results, it may hold no digits at all, save those of
the short list below.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.published import ROOT

POSTS = sorted((ROOT / "docs/posts").glob("*.md"))

#: Headings of the second level under which every number must come from a cell.
RESULTS = re.compile(r"result|discussion|measured|compar|cost", re.IGNORECASE)

#: Posts that are results from start to end.
ALL_RESULTS = {"does-attention-explain", "what-beats-what"}

#: What may stand in such a section, and why.
ALLOWED = {
    r"\b\d+×\d+(×\d+)?\b": "a size, as in patches of 16×16: a choice, not a measurement",
    r"\b\d+-[DL]\b": "a dimension, as in 2-D",
    r"\b(from )?0 (to|\.\.\.) (1|255)\b": "the range of a scale",
    r"\bof 255 levels\b": "the length of that scale",
    r"\b(more than|above) (90 ?%|40 ?%|0\.8)": "thresholds that the cells use, chosen beforehand",
    r"\bb?float(16|32)\b": "a precision",
    r"\bpart \d\b": "the number of a post in its series",
    r"\b[Hh]ead \d\b": "the name of a head, of which a cell asserts what the sentence says",
    r"\breaches 100 ?%|\b(1 for a perfect detector and )?0\.5 for one that knows nothing": "the best, and chance, on a scale",
    r"\b\d[\d,]* (tokens|patches|queries|keys)\b": "lengths are chosen, not measured",
}

#: Numbers that no definition contains, in any section.
MEASURED = re.compile(
    r"\d+\.\d+|\d[\d,.]*\s?(%|percent|seconds?|minutes?|hours?|ms|levels|dB|images/s|[GMk]B|FLOPs?)"
    r"(?![\w-])",
    re.IGNORECASE,
)

STRIPPED = (
    re.compile(r"\A---\n.*?\n---\n", re.DOTALL),  # front matter
    re.compile(r"<!--.*?-->", re.DOTALL),
    re.compile(r"^( *)(```|~~~).*?^\1\2[^\n]*$", re.DOTALL | re.MULTILINE),  # fenced code
    re.compile(r"\$\$.*?\$\$", re.DOTALL),
    re.compile(r"`[^`\n]*`"),
    re.compile(r"(?<!\\)\$[^$\n]+(\n[^$\n]+)?\$"),  # mathematics in a sentence, on one line or two
    re.compile(r"!\[[^\]]*\]\([^)]*?(\"[^\"]*\")?\)(\{[^}]*\})?"),  # embeds, alt texts, captions
    re.compile(r"\[[^\]]*\]\([^)]*\)(\{[^}]*\})?"),  # links
    re.compile(r"^:::.*$", re.MULTILINE),
    re.compile(r"^\s*\d+\.(?=\s)", re.MULTILINE),  # numbers of a list
    # Answers of exercises are worked by hand, on numbers that the question makes up.
    re.compile(r"^\?\?\?\+? question[^\n]*\n((    [^\n]*)?\n)*", re.MULTILINE),
    re.compile(r"\barXiv:? ?\d{4}\.\d{4,5}\b"),
)


def prose(text: str) -> str:
    """Blank out all that is not typed as prose; lines keep their numbers."""
    for pattern in STRIPPED:
        text = pattern.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)
    return text


def typed_numbers(text: str, *, all_results: bool = False) -> list[str]:
    """List the numbers that should come from a cell, each with its line."""
    found = []
    in_results = all_results
    for number, line in enumerate(prose(text).split("\n"), 1):
        if line.startswith("#"):
            if re.match(r"##? ", line):
                in_results = RESULTS.search(line) is not None
                in_results |= all_results and line != "## References"
            continue
        for pattern in ALLOWED:
            line = re.sub(pattern, " ", line)
        suspect = re.search(r"\d[\d,.]*\S*", line) if in_results else MEASURED.search(line)
        if suspect:
            found.append(f"line {number}: {suspect.group()} in {line.strip()!r}")
    return found


@pytest.mark.parametrize("post", POSTS, ids=lambda path: path.stem)
def test_no_measured_number_of_a_post_is_typed_by_hand(post: Path) -> None:
    found = typed_numbers(post.read_text("utf-8"), all_results=post.stem in ALL_RESULTS)
    assert not found, f"{post.name}: embed these from a notebook's cell:\n" + "\n".join(found)


@pytest.mark.parametrize(
    "line",
    [
        "The error is 3.4 levels.",
        "It removes 97% of them.",
        "It removes 97 % of them.",
        "Training took 40 minutes.",
        "It saw 1,200 images\nin 12 seconds.",
    ],
)
def test_a_number_that_looks_measured_is_found_anywhere(line: str) -> None:
    assert typed_numbers(f"---\ndate: 2026-01-02\n---\n\n## Data\n\n{line}\n")


def test_any_number_is_found_among_results() -> None:
    assert typed_numbers("## Results\n\nOf 12 shapes, all are right.\n")
    assert typed_numbers("## Results\n\n### Speed\n\nIt was 3 times faster.\n")
    assert typed_numbers("Five\n\n## Data\n\nEach has 12 slots.", all_results=True)
    assert not typed_numbers("## Data\n\nEach has 12 slots.\n\n## Results\n\nPatches of 16×16.\n")


@pytest.mark.parametrize(
    "text",
    [
        '![](../notebooks/x.py#error) levels, ![A 3.5 bar.](../notebooks/x.py#b "Of 9.1 s.")',
        "`softmax(x / 2.5)` and $d = 0.5$ and\n$$\n3.5\n$$",
        "```python\nx = 97.5\n```",
        "([Vaswani et al., 2017](https://arxiv.org/abs/1706.03762))",
        "::: shapes_of_attention.models.unet.UNet { .no-docstring }",
        "### 40 minutes later",
        "1. First.\n2. Second.",
        '??? question "What is it?"\n\n    It is 0.25, or 25 %.\n\nProse again.',
    ],
)
def test_code_mathematics_embeds_links_and_headings_may_hold_numbers(text: str) -> None:
    assert not typed_numbers(f"## Results\n\n{text}\n")
