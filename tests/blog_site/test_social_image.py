from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageFont

from blog_site import social_image
from blog_site.social_image import Card, draw, draw_cached

FONTS = Path(__file__).resolve().parents[2] / "assets/theme/assets/site/fonts"
CARD = Card(kicker="Shapes · Part 1", title="Foundations of Attention", footer="A site")


def test_the_same_card_is_the_same_bytes_at_the_size_that_sites_expect():
    first, second = draw(CARD, fonts=FONTS), draw(CARD, fonts=FONTS)
    assert first == second
    assert Image.open(io.BytesIO(first)).size == (1200, 630)
    assert len(first) < 80_000


def test_another_title_is_another_image():
    other = Card(kicker=CARD.kicker, title="Vision", footer=CARD.footer)
    assert draw(CARD, fonts=FONTS) != draw(other, fonts=FONTS)


def test_a_very_long_title_stays_left_of_the_scene():
    long = Card(kicker="", title="attention and positions " * 8, footer="")
    image = Image.open(io.BytesIO(draw(long, fonts=FONTS))).convert("RGB")
    gap = image.crop((730, 0, 785, 630))
    colours = gap.getcolors(maxcolors=100_000)
    assert colours is not None and len(colours) == 1


def test_signs_that_the_font_lacks_are_drawn_by_another():
    drawn = [
        draw(Card(kicker="", title=f"From {sign} on", footer=""), fonts=FONTS) for sign in "αβő→√≤"
    ]
    assert len(set(drawn)) == len(drawn)  # the box for a sign that is missing is always the same


def test_signs_that_no_font_has_leave_no_box():
    plain = draw(Card(kicker="", title="From here on", footer=""), fonts=FONTS)
    for title in ("From 🎉 here on", "From here on \U0001f469\u200d\U0001f52c", "From here on漢"):
        assert draw(Card(kicker="🎉", title=title, footer=""), fonts=FONTS) == plain, title


def test_no_title_runs_out_of_the_picture():
    for title in ("attention " * 60, "attention" * 40):
        card = Card(kicker="kicker", title=title, footer="footer")
        image = Image.open(io.BytesIO(draw(card, fonts=FONTS))).convert("RGB")
        empty = Image.open(
            io.BytesIO(draw(Card(kicker="kicker", title="", footer="footer"), fonts=FONTS))
        )
        for top, bottom in ((0, 110), (560, 630)):  # the lines above and below
            box = (0, top, 730, bottom)
            other = ImageChops.difference(image.crop(box), empty.convert("RGB").crop(box))
            assert np.asarray(other).max() < 64  # colours are rounded


def test_an_image_is_drawn_once(tmp_path):
    path = draw_cached(CARD, fonts=FONTS, cache=tmp_path)
    before = path.stat().st_mtime_ns
    assert draw_cached(CARD, fonts=FONTS, cache=tmp_path) == path
    assert path.stat().st_mtime_ns == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_every_post_names_its_image(built):
    assert (built.site / "assets/social/posts/vision.png").is_file()
    html = built.html("posts/vision.html")
    address = "http://127.0.0.1:8124/assets/social/posts/vision.png"
    assert f'property="og:image" content="{address}"' in html
    assert "assets/social/default.png" in built.html("index.html")


def test_a_font_that_is_another_now_draws_a_new_image(tmp_path, monkeypatch):
    fonts = tmp_path / "fonts"
    shutil.copytree(FONTS, fonts)
    cache = tmp_path / "cache"
    first = draw_cached(CARD, fonts=fonts, cache=cache)
    assert draw_cached(CARD, fonts=FONTS, cache=cache) == first
    site_font = fonts / social_image.INTER
    other = next(file for file in sorted(FONTS.glob("*.woff2")) if has_weights(file, site_font))
    shutil.copyfile(other, site_font)
    second = draw_cached(CARD, fonts=fonts, cache=cache)
    assert second != first
    substitute = tmp_path / "substitute.ttf"
    substitute.write_bytes(social_image._substitute_file().read_bytes() + b"\0")
    monkeypatch.setattr(social_image, "_substitute_file", lambda: substitute)
    assert draw_cached(CARD, fonts=fonts, cache=cache) not in (first, second)


def has_weights(file, than):
    """Tell whether a font, another one, has the one axis that the image sets."""
    try:
        axes = ImageFont.truetype(str(file), 20).get_variation_axes()
    except OSError:
        return False
    return len(axes) == 1 and file.read_bytes() != than.read_bytes()
