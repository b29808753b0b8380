"""Know which lines of a page its file does not have: pymdownx.snippets puts in those of others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import Path

from markdown import Markdown

from notebook_embed.errors import EmbedError, shown
from notebook_embed.library import SourceLine

__all__ = ["Snippets", "lines_with", "take_appended"]

# What ``SequenceMatcher.get_opcodes`` says of lines from i to j, and from k to l of the others.
Change = tuple[str, int, int, int, int]

_MARKER = re.compile(r"-+8<-+")


def lines_with(text: str, lines: list[str]) -> list[int]:
    """Return the numbers of the lines that hold `text`, and not the beginning of a longer name."""
    whole = re.compile(re.escape(text) + (r"(?![\w.-])" if re.search(r"\w\Z", text) else ""))
    return [number for number, line in enumerate(lines, 1) if whole.search(line)]


def take_appended(md: Markdown) -> str:
    """Return what `md` would append to each text (``auto_append``), and let it append nothing."""
    if "snippet" not in md.preprocessors:
        return ""
    snippets = md.preprocessors["snippet"]
    names, snippets.auto_append = snippets.auto_append, []
    return "\n".join(snippets.run(["-8<-", *names, "-8<-"])) if names else ""


def _changes(written: list[str], given: list[str]) -> Sequence[Change]:
    """Return what differs between two lists of lines, and what does not; nothing where none does.

    Tabs are blanks in what is given, as many as Markdown has for one.
    """
    before, after = ([" ".join(line.split()) for line in lines] for lines in (written, given))
    return [] if before == after else SequenceMatcher(None, before, after, False).get_opcodes()


class Snippets:
    """The lines of a page as they are written, and the files that others come from."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.files: list[Path] = []
        # What was compared last: each embed of a page asks. Both are lists that nobody changes.
        self._compared: tuple[list[str], list[str], Sequence[Change]] = [], [], []

    def begin(self, lines: list[str]) -> None:
        self.written = "\n".join(lines).rstrip().split("\n")
        self.files = []

    def watch(self, md: Markdown, locate: Callable[[str], SourceLine | None]) -> None:
        """Let `files` be those that `md` puts in, wherever they lie and whoever names them.

        What is wrong with one is told where it is named: `locate` finds the line with a text.
        """
        if "snippet" not in md.preprocessors:
            return
        snippets = md.preprocessors["snippet"]
        if "get_snippet_path" in vars(snippets):
            return  # it is watched already
        find, run = snippets.get_snippet_path, snippets.run

        def finding(path: str) -> str | None:
            found: str | None = find(path)
            if found is not None:
                self.files.append(Path(found))
            return found

        def running(lines: list[str]) -> list[str]:
            try:
                done: list[str] = run(lines)
            except (OSError, UnicodeDecodeError) as error:
                raise self._unread(error, locate) from error
            except Exception as error:
                if type(error).__name__ != "SnippetMissingError":  # another version may lack it
                    raise
                named = re.search("'(.+)'", str(error))
                at = locate(named[1] if named else "8<-")
                raise EmbedError(
                    f"a snippet is missing: {error}",
                    file=at.file if at else None,
                    line=at.line if at else None,
                    remedy="Mend its path, which is relative to 'base_path' of pymdownx.snippets.",
                ) from error
            return done

        vars(snippets).update(get_snippet_path=finding, run=running)

    def _unread(
        self, error: OSError | UnicodeDecodeError, locate: Callable[[str], SourceLine | None]
    ) -> EmbedError:
        """Return what is wrong with the file that was found last."""
        if not self.files or getattr(error, "filename", "") is None:  # it is at an address
            return EmbedError(f"a snippet cannot be read: {error}")
        file = self.files[-1]
        at = locate(file.name)
        named = f" It is named in {shown(at.file)}:{at.line}." if at and at.line else ""
        if isinstance(error, OSError):
            remedy = f"Name a file that can be read.{named}"
            return EmbedError(f"a snippet cannot be read: {error}", file=file, remedy=remedy)
        line = error.object.count(b"\n", 0, error.start) + 1
        encoding = error.encoding.upper()
        return EmbedError(
            f"a snippet is not {encoding}: {error}",
            file=file,
            line=line,
            remedy=f"Save it as {encoding}.{named}",
        )

    def origin(self, number: int, given: list[str]) -> tuple[int, bool]:
        """Return the line as written that the line `number` of what is `given` comes from.

        And whether it is a line of the page itself, not what stands in the place of such a line.
        """
        if self._compared[0] is not self.written or self._compared[1] is not given:
            self._compared = self.written, given, _changes(self.written, given)
        for kind, i, i_end, j, j_end in self._compared[2]:
            if not j < number <= j_end:
                continue
            if kind == "equal":
                return i + number - j, True
            above = (n for n in range(min(i_end, len(self.written)) - 1, -1, -1))
            marker = next((n for n in above if _MARKER.search(self.written[n])), i)
            return marker + 1, False
        return number, True

    def find(self, text: str) -> Iterator[tuple[Path, int]]:
        """Give the places in `files` that hold `text`."""
        for file in dict.fromkeys(self.files):
            try:
                lines = file.read_text("utf-8-sig").split("\n")
            except (OSError, UnicodeDecodeError):
                continue
            yield from ((file, number) for number in lines_with(text, lines))
