"""The thin MkDocs plugin that hands templates what they cannot work out themselves."""

from __future__ import annotations

import hashlib
import html
import os
import re
import zlib
from contextlib import suppress
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from jinja2 import Environment
from mkdocs.config.base import Config
from mkdocs.config.config_options import Type
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.plugins import BasePlugin, CombinedEvent, event_priority, get_plugin_logger
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils.templates import TemplateContext

from blog_site.build_record import read_build_record
from blog_site.citation import cite
from blog_site.compile_hint import hint_at_scripts
from blog_site.content_security import headers, policy
from blog_site.front_matter import check_front_matter
from blog_site.reading_time import reading_minutes
from blog_site.series import Series, collect_series
from blog_site.social_image import Card, draw_cached
from blog_site.tag_addresses import spelled_alike, tag_address
from notebook_embed.files import write_whole
from notebook_embed.imports import stamp_if_there
from notebook_embed.titles import title_as_html

__all__ = ["BlogSitePlugin"]

log = get_plugin_logger("blog-site")

#: Stands in every page, before all that must be fetched.
SCRIPT = Path(__file__).with_name("scheme.js").read_text("utf-8")
FEED = Path(__file__).with_name("feed.xml")
SOCIAL_FOLDER = "assets/social"
FONTS = "assets/site/fonts"
LIVE_FOLDER = "assets/live"  # the worker of the live model looks for its weights beside itself


class BlogSiteConfig(Config):
    cache_dir = Type(str, default=".cache/blog_site")
    live = Type(dict, default={})
    glossary = Type(str, default="")


class BlogSitePlugin(BasePlugin[BlogSiteConfig]):
    """Series, citations, reading times, preview images and the build record, for the templates."""

    set_epoch = False  # this build set SOURCE_DATE_EPOCH itself
    serving = False  # MkDocs' server adds an inline script to each page, to reload it

    def __init__(self) -> None:
        super().__init__()
        self._checked: dict[Path, tuple[int, ...]] = {}  # pages -> their state when looked at

    def on_startup(self, *, command: str, dirty: bool) -> None:
        self.serving = command == "serve"

    @event_priority(100)  # before the feeds read the build's date and their image
    def on_config(self, config: MkDocsConfig) -> MkDocsConfig:
        root = Path(config.config_file_path).parent if config.config_file_path else Path.cwd()
        record = read_build_record(root)
        self.record = record
        config.extra["build"] = record.as_dict()
        config.extra["content_security_policy"] = None if self.serving else policy(SCRIPT)
        config.extra["scheme_script"] = SCRIPT
        # MkDocs, the feeds and the sitemap date themselves by it.
        self.set_epoch = record.timestamp is not None and "SOURCE_DATE_EPOCH" not in os.environ
        if self.set_epoch:
            os.environ["SOURCE_DATE_EPOCH"] = str(record.timestamp)
        if (feeds := config.plugins.get("rss")) is not None:
            feeds.config["image"] = urljoin(config.site_url or "", f"{SOCIAL_FOLDER}/default.png")
        if (tags := config.plugins.get("material/tags")) is not None:
            from material.plugins.tags import tag_name, tag_name_casefold

            tags.config["tags_slugify"] = tag_address
            for order in ("tags_sort_by", "listings_tags_sort_by"):
                if tags.config[order] is tag_name:  # which puts all capitals before all else
                    tags.config[order] = tag_name_casefold
        self.root = root
        self.cache = root / self.config.cache_dir
        self.posts: list[Any] = []
        self.series: dict[str, Series] = {}
        self.images: dict[str, str] = {}  # source path of a post -> uri of its image
        return config

    @event_priority(110)  # before notebooks run (100), and before the blog plugin reads the posts
    def _check_front_matter(self, files: Files, config: MkDocsConfig) -> Files:
        for file in files.documentation_pages():
            if file.generated_by is not None or not file.src_uri.endswith(".md"):
                continue
            path = Path(file.abs_src_path or "")
            stamp = stamp_if_there(path) or ()
            if self._checked.get(path) != stamp:  # a server looks only at what was saved
                check_front_matter(path)
                self._checked[path] = stamp
        return files

    @event_priority(-60)  # after the blog plugin (-50) has found the posts
    def _add_what_posts_need(self, files: Files, config: MkDocsConfig) -> Files:
        self._add_weights(files, config)
        blog: Any = config.plugins.get("material/blog")
        if blog is None or not blog.config.enabled:
            return files
        self.posts = list(blog.blog.posts)  # newest first
        self.series = collect_series(self.posts)
        fonts = self._fonts(config)
        default = Card(kicker="", title=config.site_name, footer=config.extra.get("tagline") or "")
        self._add_image(default, "default", files, config, fonts)
        for post in self.posts:
            if not post.meta.get("description"):
                log.warning(
                    f"{post.file.src_uri}: no description in the front matter; feeds, search "
                    "engines and previews show it"
                )
            name = Path(post.file.dest_uri).with_suffix("").as_posix()  # no other post has it
            card = Card(
                kicker=self._kicker(post), title=_declared_title(post), footer=config.site_name
            )
            self.images[post.file.src_uri] = self._add_image(card, name, files, config, fonts)
        return files

    on_files = CombinedEvent(_check_front_matter, _add_what_posts_need)

    @event_priority(110)  # before topics are rendered (100)
    def _offer_titles(self, env: Environment, config: MkDocsConfig, files: Files) -> Environment:
        env.filters["title_as_html"] = title_as_html
        return env

    def _offer_posts(self, env: Environment, config: MkDocsConfig, files: Files) -> Environment:
        if "material/tags" in config.plugins:
            self._tell_of_tags(files)
        posts = sorted(self.posts, key=self._newest, reverse=True)
        env.globals["blog_posts"] = posts
        if (feeds := config.plugins.get("rss")) is not None:
            # Its own template leaves `&` in tags as it is, which no reader of feeds can parse.
            feeds.tpl_folder, feeds.tpl_file = FEED.parent, FEED
            # It sorts by date, and keeps this order within a day.
            written = {Path(post.file.abs_src_path): post for post in posts}
            for entry in feeds.pages_to_filter:
                if (post := written.get(entry.abs_path)) and not post.meta.get("title"):
                    entry.title = html.unescape(entry.title)  # a heading is HTML
            place = {Path(post.file.abs_src_path): at for at, post in enumerate(posts)}
            feeds.pages_to_filter.sort(key=lambda page: place.get(page.abs_path, len(place)))
        # One view of each series; those whose newest post is newest come first.
        env.globals["blog_series"] = list(
            {
                one.name: one for post in self.posts if (one := self.series.get(post.file.src_uri))
            }.values()
        )
        return env

    on_env = CombinedEvent(_offer_titles, _offer_posts)

    @staticmethod
    def _tell_of_tags(files: Files) -> None:
        """Warn of tags that share an address: links to one would lead to the other's pages."""
        pages = [page for file in files.documentation_pages() if (page := file.page) is not None]
        tagged = [
            (page.file.src_uri, str(tag))
            for page in pages
            if isinstance(tags := page.meta.get("tags"), list)
            for tag in tags
        ]
        for source, tag, source_before, before in spelled_alike(tagged):
            log.warning(
                f"{source}: the tag {tag!r} has the address of {before!r}, a tag of "
                f"{source_before}; spell both alike, or give one another name"
            )

    @event_priority(200)  # before the generator makes a notebook's own page, which opens none
    def on_pre_page(self, page: Page, *, config: MkDocsConfig, files: Files) -> Page:
        config.mdx_configs.setdefault("blog_site.glossary", {})["file"] = ""
        return page

    def on_page_markdown(
        self, markdown: str, *, page: Page, config: MkDocsConfig, files: Files
    ) -> str:
        # In posts a key is a key of attention; in a guide to writing it may be one of a mapping.
        opens = self.config.glossary and (page in self.posts or page.meta.get("glossary"))
        file = str(Path(config.docs_dir) / self.config.glossary) if opens else ""
        config.mdx_configs.setdefault("blog_site.glossary", {})["file"] = file
        if page in self.posts:
            # The feeds read dates from the front matter, where `date` has two spellings.
            dates = page.config.date  # type: ignore[attr-defined]
            page.meta["date_created"] = dates.created
            page.meta["date_updated"] = dates.get("updated") or dates.created
        return markdown

    @event_priority(50)  # before the blog plugin counts words
    def on_page_content(self, html: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
        if page._title_from_render and (first := next(iter(page.toc), None)) and first.level == 1:
            # MkDocs takes a formula's text, its TeX and its MathML for three times as many words.
            page._title_from_render = first.title
        if page in self.posts and not page.config.readtime:  # type: ignore[attr-defined]
            page.config.readtime = self._minutes(html, config)  # type: ignore[attr-defined]
        return html

    @staticmethod
    def _minutes(html: str, config: MkDocsConfig) -> int:
        embed: Any = config.plugins.get("notebook-embed")
        if embed is None:
            return reading_minutes(html)
        minutes: int = embed.remembered(lambda: reading_minutes(html), "minutes", html)
        return minutes

    def on_page_context(
        self, context: TemplateContext, *, page: Page, config: MkDocsConfig, nav: Any
    ) -> TemplateContext:
        """Put what templates print beside the front matter, as plain data."""
        base = config.site_url or ""
        image = self.images.get(page.file.src_uri, f"{SOCIAL_FOLDER}/default.png")
        computed: dict[str, Any] = {"social_image": urljoin(base, image) if self.posts else None}
        page.meta["computed"] = computed
        if page in self.posts:
            published: datetime = page.config.date.created  # type: ignore[attr-defined]
            series = self.series.get(page.file.src_uri)
            computed["series"] = series.as_data() if series else None
            citation = cite(
                title=page.meta.get("title") or html.unescape(str(page.title)),
                author=config.extra.get("author") or config.site_author or config.site_name,
                site=config.site_name,
                published=date(published.year, published.month, published.day),
                url=page.canonical_url or page.url,
                slug=Path(page.file.dest_uri).stem,
            )
            computed["citation"] = asdict(citation)
        return context

    @event_priority(-100)  # after the feeds
    def on_post_build(self, *, config: MkDocsConfig) -> None:
        (Path(config.site_dir) / "_headers").write_text(headers(SCRIPT), "utf-8")
        hint_at_scripts(Path(config.site_dir))
        if not self.serving:
            self._write_bill_of_materials(config)
        self._forget_epoch()

    def on_build_error(self, *, error: Exception) -> None:
        self._forget_epoch()

    def _forget_epoch(self) -> None:
        """Leave the next build of this process, as `mkdocs serve` runs them, its own date."""
        if self.set_epoch:
            os.environ.pop("SOURCE_DATE_EPOCH", None)
            self.set_epoch = False

    def _write_bill_of_materials(self, config: MkDocsConfig) -> None:
        from blog_site.bill_of_materials import write_bill_of_materials  # slow to import

        write_bill_of_materials(
            Path(config.site_dir),
            root=self.root,
            cache=self.cache / "sbom",
            name=config.site_name,
            record=self.record,
        )

    def _newest(self, post: Any) -> tuple[date, int]:
        """Sort by day; of one day, the later part of a series is newer."""
        series = self.series.get(post.file.src_uri)
        return post.config.date.created.date(), series.part if series else 0

    def _kicker(self, post: Any) -> str:
        series = self.series.get(post.file.src_uri)
        return f"{series.name} · Part {series.part}" if series else ""

    def _add_image(
        self, card: Card, name: str, files: Files, config: MkDocsConfig, fonts: Path | None
    ) -> str:
        """Add the image of `card` to the site as `name`.png and return its uri."""
        uri = f"{SOCIAL_FOLDER}/{name}.png"
        if fonts is not None:
            drawn = draw_cached(card, fonts=fonts, cache=self.cache / "social")
            # By its address, not by what is drawn: two posts may have one title.
            files.append(File.generated(config, uri, abs_src_path=str(drawn)))
        return uri

    def _add_weights(self, files: Files, config: MkDocsConfig) -> None:
        """Add the weights of the models that pages run themselves."""
        if not self.config.live:
            return
        from shapes_of_attention.live_weights import WeightsError

        for name, checkpoint in self.config.live.items():
            try:
                packed = _packed(self.root / checkpoint, self.cache / "live")
            except WeightsError as error:
                raise PluginError(f"mkdocs.yml, blog-site, live, {name}: {error}") from None
            uri = f"{LIVE_FOLDER}/{name}.safetensors.gz"
            files.append(File.generated(config, uri, abs_src_path=str(packed)))

    @staticmethod
    def _fonts(config: MkDocsConfig) -> Path | None:
        found = (Path(folder) / FONTS for folder in config.theme.dirs)
        return next((folder for folder in found if folder.is_dir()), None)


def _packed(path: Path, cache: Path) -> Path:
    """Return the file with the weights of a checkpoint as pages get them, made where it is not."""
    from shapes_of_attention import live_weights

    made_of = [Path(live_weights.__file__).read_bytes(), zlib.ZLIB_RUNTIME_VERSION.encode()]
    with suppress(OSError):  # what packs it says what is wrong
        made_of.append(path.read_bytes())
    file = cache / f"{hashlib.sha256(b''.join(made_of)).hexdigest()[:20]}.gz"
    if not file.is_file():
        write_whole(file, live_weights.packed(path))
    return file


def _declared_title(post: Any) -> str:
    """Return a post's title before it is rendered: front matter, else the first heading."""
    if title := post.meta.get("title"):
        return str(title)
    heading = re.search(r"^#\s+(.+?)\s*(?:\{[^}]*\})?\s*$", post.markdown, re.MULTILINE)
    return re.sub(r"[*_`$\\]", "", heading[1]) if heading else Path(post.file.src_uri).stem
