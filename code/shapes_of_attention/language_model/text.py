"""The text that the language model learns: stories of shapes, told in few words.

"Ann's red disc finds Bob's gold star. Cid's pink ring follows Ann's red disc." Who meets whom is
chance, and so is what a shape is like when it comes up for the first time. From then on it stays
what it is: a model that looks back can know it, however long ago it was, and another one cannot.
The text is made from a seed, the same on every machine, and there is as much of it as anyone likes.
"""

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from shapes_of_attention.data.counter_rng import uniform_draws

__all__ = ["STORY_TEST_SEED", "VOCABULARY", "Story", "decode", "encode", "make_rows", "make_story"]

_T = TypeVar("_T")
_OWNERS = [
    *["Ann's", "Bob's", "Cid's", "Dot's", "Eve's", "Fay's"],
    *["Gus's", "Hal's", "Ida's", "Jon's", "Kim's", "Lea's"],
]
_COLOURS = ["red", "green", "blue", "grey", "pink", "gold", "black", "white"]
_FORMS = ["disc", "ring", "star", "box", "cross", "heart"]
_VERBS = ["finds", "follows", "meets", "passes"]
_LARGEST_CAST = 5

#: Seed of the stories on which finished models are compared; no training uses it.
STORY_TEST_SEED = 4_000_037

#: All words of the text; a token is a place in this list.
VOCABULARY = [".", *_VERBS, *_OWNERS, *_COLOURS, *_FORMS]


class Story(NamedTuple):
    """A story's `words`, and where the owners stand whose shapes have come up before: `recalls`."""

    words: list[str]
    recalls: list[int]


def make_story(index: int, *, seed: int, sentences: int) -> Story:
    """Tell story `index` of a seed, in sentences of eight words with two of its shapes each.

    A story has two to five shapes, no two of one colour.
    """
    number = np.array([index], dtype=np.int64)
    draws = uniform_draws(number, seed=seed, count=1 + 3 * _LARGEST_CAST + 3 * sentences)[0]
    size = 2 + int(draws[0] * (_LARGEST_CAST - 1))
    of_cast, of_sentences = np.split(draws[1:], [3 * _LARGEST_CAST])
    of_owners, of_colours, of_forms = of_cast.reshape(3, _LARGEST_CAST)[:, :size]
    forms = [_FORMS[int(draw * len(_FORMS))] for draw in of_forms]
    cast = list(
        zip(_different(_OWNERS, of_owners), _different(_COLOURS, of_colours), forms, strict=True)
    )
    words: list[str] = []
    recalls: list[int] = []
    seen: set[str] = set()
    for *of_two, of_verb in of_sentences.reshape(sentences, 3):
        first, second = _different(cast, np.array(of_two))
        for shape, after in ((first, _VERBS[int(of_verb * len(_VERBS))]), (second, ".")):
            if shape[0] in seen:
                recalls.append(len(words))
            seen.add(shape[0])
            words += [*shape, after]
    return Story(words, recalls)


def make_rows(numbers: NDArray[np.int64], *, seed: int, length: int) -> NDArray[np.int64]:
    """Make rows of tokens [rows, length], each a story of its own, cut where the row is full."""
    sentences = -(-length // 8)
    return np.stack(
        [encode(make_story(int(n), seed=seed, sentences=sentences).words[:length]) for n in numbers]
    )


def encode(text: str | list[str]) -> NDArray[np.int64]:
    """Turn words, or text with spaces between them, into tokens [words].

    Raises
    ------
    ValueError
        For a word that is not in the vocabulary.
    """
    words = text.replace(".", " .").split() if isinstance(text, str) else text
    unknown = sorted(set(words) - set(_PLACES))
    if unknown:
        raise ValueError(
            f"the model does not know {', '.join(unknown)}; its words are {' '.join(VOCABULARY)}"
        )
    return np.array([_PLACES[word] for word in words], dtype=np.int64)


def decode(tokens: NDArray[np.int64]) -> str:
    """Turn tokens [words] into text: "Ann's red disc finds Bob's gold star."."""
    return " ".join(VOCABULARY[int(token)] for token in tokens).replace(" .", ".")


_PLACES = {word: place for place, word in enumerate(VOCABULARY)}


def _different(choices: list[_T], draws: NDArray[np.float32]) -> list[_T]:
    """Choose as many different items as there are draws."""
    left = list(choices)
    return [left.pop(int(draw * len(left))) for draw in draws]
