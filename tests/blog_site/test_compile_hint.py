from __future__ import annotations

import json
from pathlib import Path

from blog_site.compile_hint import HINT, hint_at_scripts


def test_the_hint_stands_above_the_script_once_and_the_map_follows(tmp_path: Path) -> None:
    folder = tmp_path / "assets/javascripts"
    folder.mkdir(parents=True)
    script, source_map = folder / "bundle.0a1b.min.js", folder / "bundle.0a1b.min.js.map"
    script.write_text("first();\n//# sourceMappingURL=bundle.0a1b.min.js.map\n", "utf-8")
    before = {"version": 3, "sourcesContent": ['"mappings": "'], "mappings": "AAAA;CACA"}
    source_map.write_text(json.dumps(before, indent=2), "utf-8")
    for _ in range(2):
        hint_at_scripts(tmp_path)
        hint, first, *_ = script.read_text("utf-8").splitlines()
        assert (f"{hint}\n", first) == (HINT, "first();")
        assert json.loads(source_map.read_text("utf-8")) == before | {"mappings": ";AAAA;CACA"}
