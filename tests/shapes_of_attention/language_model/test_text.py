"""The text of the language model."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shapes_of_attention.language_model.text import (
    VOCABULARY,
    decode,
    encode,
    make_rows,
    make_story,
)


@given(index=st.integers(0, 2**40), seed=st.integers(0, 2**40), sentences=st.integers(1, 12))
def test_every_shape_stays_what_it_was_when_it_first_came_up(index, seed, sentences):
    story = make_story(index, seed=seed, sentences=sentences)
    assert len(story.words) == 8 * sentences
    known: dict[str, list[str]] = {}
    again = []
    for place in range(0, len(story.words), 4):
        owner, *looks = story.words[place : place + 3]
        if owner in known:
            again.append(place)
        assert known.setdefault(owner, looks) == looks
    assert story.recalls == again
    assert 2 <= len(known) <= 5
    colours = [colour for colour, _ in known.values()]
    assert len(set(colours)) == len(colours)


@given(index=st.integers(0, 2**40))
def test_no_shape_meets_itself(index):
    words = make_story(index, seed=1, sentences=6).words
    assert all(words[place] != words[place + 4] for place in range(0, 48, 8))


def test_a_story_reads_as_it_always_did():
    assert decode(encode(make_story(3, seed=0, sentences=3).words)) == (
        "Ida's grey cross follows Jon's green cross. Bob's gold cross follows Jon's green cross. "
        "Ida's grey cross finds Jon's green cross."
    )


def test_a_row_is_the_same_alone_and_in_a_batch():
    rows = make_rows(np.arange(5), seed=1, length=130)
    assert rows.shape == (5, 130)
    assert np.array_equal(make_rows(np.array([3]), seed=1, length=130)[0], rows[3])
    assert len({row.tobytes() for row in rows}) == 5
    assert not np.array_equal(rows, make_rows(np.arange(5), seed=2, length=130))


def test_words_and_tokens_turn_into_each_other():
    assert decode(encode("Ann's red disc meets Bob's gold box.")) == (
        "Ann's red disc meets Bob's gold box."
    )
    assert len(set(VOCABULARY)) == len(VOCABULARY)


def test_an_unknown_word_is_named():
    with pytest.raises(ValueError, match="does not know cat, zebra"):
        encode("Ann's zebra meets cat .")
