"""The training stream: the same batches from any number of workers, ranks and restarts."""

from functools import partial
from itertools import islice

import pytest
import torch

from shapes_of_attention.data import make_shapes
from shapes_of_attention.data.stream import BatchStream, load_batches, shapes_batch


def test_batches_are_the_same_from_any_number_of_workers():
    expected = [
        torch.from_numpy(make_shapes(range(4 * t, 4 * t + 4), seed=1).image) for t in range(6)
    ]
    for workers in (0, 1, 2):
        loader = load_batches(
            BatchStream(partial(shapes_batch, seed=1), batch_size=4), workers=workers
        )
        for (image, _), wanted in zip(islice(loader, 6), expected, strict=True):
            assert torch.equal(image, wanted)


def test_a_stream_that_starts_later_goes_on_as_the_first_would_have():
    late = next(iter(BatchStream(shapes_batch, batch_size=3, first_step=5)))
    early = next(islice(BatchStream(shapes_batch, batch_size=3), 5, None))
    assert torch.equal(late[0], early[0])
    assert torch.equal(late[1], early[1])


def test_ranks_share_out_the_batch_that_one_process_would_see():
    whole = BatchStream(shapes_batch, batch_size=6).batch(7)[0]
    parts = [
        BatchStream(shapes_batch, batch_size=3, rank=rank, ranks=2).batch(7)[0] for rank in (0, 1)
    ]
    assert torch.equal(torch.cat(parts), whole)


@pytest.mark.parametrize(
    "bad", [{"batch_size": 0}, {"batch_size": 1, "rank": 2}, {"batch_size": 1, "first_step": -1}]
)
def test_bad_streams_are_refused(bad):
    with pytest.raises(ValueError, match=r"batch_size|rank|first_step"):
        BatchStream(shapes_batch, **bad)
