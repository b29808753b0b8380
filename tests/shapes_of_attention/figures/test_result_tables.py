"""Tables of results say how good first, then what it took, and every number stands under its title."""

import re

import numpy as np

from shapes_of_attention.figures.results import changes_table, comparison_table, crossed_table
from shapes_of_attention.studies.record import Record


def run(seed: int, colour_error: float, filtered_removed: float | None = 0.5) -> Record:
    return Record(
        family="main",
        label="unet",
        variant=f"seed-{seed}",
        config={"seed": seed},
        parameters=2_500_000,
        images=40_000,
        seconds=360.0,
        curve=(),
        test={
            "colour": {
                "colour_error_median": colour_error,
                "within_8": 0.25,
                "filtered_removed": filtered_removed,
                "psnr": 20.0,
            }
        },
        detail={},
    )


def rows(table: str) -> list[list[str]]:
    """Return the words of each row's cells; a number that is not known is a dash."""
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in table.split("<tr>")[1:]]


def test_a_model_s_numbers_stand_under_their_titles() -> None:
    titles, unet, copied = rows(
        comparison_table(
            {"unet": [run(0, 9.0), run(1, 11.0)]},
            seconds={"unet": 0.013},
            copied=np.array([4.0, 30.0, 40.0]),
        )
    )

    assert dict(zip(titles, unet, strict=True)) == {
        "Model": "U-Net",
        "Colour error": "10.00 ± 1.41",
        "Within 8": "25.0 ± 0.0%",
        "Filtered removed": "50.0 ± 0.0%",
        "PSNR": "20.0 ± 0.0",
        "ms an image": "13",
        "Million weights": "2.50",
        "Seeds": "2",
    }
    assert dict(zip(titles, copied, strict=True)) == {
        "Model": "Input, copied",
        "Colour error": "30.00",
        "Within 8": "33.3%",
        "Filtered removed": "0.0%",
    } | dict.fromkeys(titles[4:], "–")


def test_a_change_without_a_filter_removes_nothing_that_could_be_counted() -> None:
    titles, row = rows(changes_table({"Red filter: without": [run(0, 9.0, None)]}))

    assert dict(zip(titles, row, strict=True)) == {
        "Variant": "Red filter: without",
        "Colour error": "9.00",
        "Within 8": "25.0%",
        "Filtered removed": "–",
        "Thousand images": "40",
        "Seeds": "1",
    }


def test_errors_of_runs_that_differ_in_two_things_stand_crosswise() -> None:
    cells = [[run(0, 9.0), run(1, 11.0)], [run(0, 3.0)]]
    titles, unet = rows(crossed_table("Model", ("Palette", "Pixels"), {"U-Net": cells}))

    assert dict(zip(titles, unet, strict=True)) == {
        "Model": "U-Net",
        "Palette": "10.00 ± 1.41",
        "Pixels": "3.00",
    }
