"""Sixel and kitty graphics show the pixels they are given, in sixteen greys."""

from __future__ import annotations

import base64
import io
import re
import unicodedata

import numpy as np
import pytest

from tui.terminal.graphics import GAP, Graphics, Placement, Sheet, delete_images, enlarge, row_signs
from tui.terminal.sixel import sixels


def test_tiles_fill_exactly_their_cells_in_sixteen_greys() -> None:
    tiles = np.random.default_rng(0).random((3, 2, 28, 28), dtype=np.float32)
    place = Placement(Graphics("sixel", 9, 19), y=0, count=3, cells_wide=14, lines=14.0, height=14)
    picture = enlarge(tiles, place)
    assert picture.shape == (14 * 19, place.width * 9) == (266, (3 * 14 + 2 * GAP) * 9)
    assert set(np.unique(picture)) == {17 * level for level in range(16)}
    second = picture[:, 15 * 9 : 29 * 9]
    middle = np.round((np.arange(28) + 0.5) * 4.5).astype(int)
    rows = ((np.arange(56) + 0.5) * 266 / 56).astype(int)
    assert np.array_equal(second[rows][:, middle], np.rint(tiles[1].reshape(56, 28) * 15) * 17)
    assert not picture[:, 14 * 9 : 15 * 9].any()


def test_a_caption_covers_the_last_line_and_a_half_line_is_black() -> None:
    tiles = np.ones((1, 3, 28, 28), dtype=np.float32)
    graphics = Graphics("kitty", 10, 20)
    covered = enlarge(tiles, Placement(graphics, 0, 1, 14, 21.0, 20))
    assert covered.shape == (400, 140)
    assert covered.all()
    half = enlarge(tiles, Placement(graphics, 0, 1, 7, 10.5, 11))
    assert half.shape == (220, 70)
    assert half[:210].all()
    assert not half[210:].any()


def test_what_is_not_a_number_is_black() -> None:
    tiles = np.full((1, 1, 28, 28), np.nan, dtype=np.float32)
    assert not enlarge(tiles, Placement(Graphics("sixel", 10, 20), 0, 1, 28, 14.0, 14)).any()


def decoded(sixel: str) -> np.ndarray:
    """The greys 0..255 that a terminal draws for a sequence of sixels."""
    width, height = map(int, re.findall(r'"1;1;(\d+);(\d+)', sixel)[0])
    picture = np.full((height + 6, width), -1)
    greys: dict[int, int] = {}
    color = x = y = 0
    data = sixel.split('"')[1].partition("\x1b")[0]
    for token in re.finditer(r"#(\d+)(?:;2;(\d+);\d+;\d+)?|!(\d+)([?-~])|([?-~])|(\$)|(-)", data):
        if token[1]:
            color = int(token[1])
            if token[2]:
                greys[color] = round(int(token[2]) * 2.55)
        elif token[6]:
            x = 0
        elif token[7]:
            x, y = 0, y + 6
        else:
            count, bits = int(token[3] or 1), ord(token[4] or token[5]) - 63
            for bit in range(6):
                if bits >> bit & 1:
                    picture[y + bit, x : x + count] = greys[color]
            x += count
    assert (picture[height:] == -1).all()
    return picture[:height]


def test_sixels_are_the_pixels() -> None:
    tiles = np.random.default_rng(0).random((2, 1, 28, 28), dtype=np.float32)
    sheet = Sheet(Placement(Graphics("sixel", 7, 15), 0, 2, 28, 14.0, 14), tiles)
    sheet.encode()
    drawn = sheet.draw(4, 2)
    assert drawn.startswith("\x1b7\x1b[3;5H\x1bP")
    assert drawn.endswith("\x1b\\\x1b8")
    assert np.abs(decoded(drawn) - enlarge(tiles, sheet.placement)).max() <= 2  # sixels know percents


def test_what_is_wider_than_xterm_draws_is_sent_in_pieces_beside_each_other() -> None:
    tiles = np.random.default_rng(0).random((9, 1, 28, 28), dtype=np.float32)
    sheet = Sheet(Placement(Graphics("sixel", 8, 17), 0, 9, 15, 7.0, 7), tiles)
    sheet.encode()
    drawn = sheet.draw(3, 1)
    pieces = [decoded(piece) for piece in drawn.split("\x1bP")[1:]]
    assert [piece.shape[1] for piece in pieces] == [1000, 143 * 8 - 1000]
    assert re.findall(r"\x1b\[2;(\d+)H\x1bP", drawn) == ["4", str(4 + 1000 // 8)]
    assert np.abs(np.hstack(pieces) - enlarge(tiles, sheet.placement)).max() <= 2


@pytest.mark.parametrize("shape", [(1, 1), (6, 3), (7, 300), (240, 1200)])
def test_pictures_of_any_size_come_out_of_sixels_as_they_were(shape: tuple[int, int]) -> None:
    pixels = (17 * np.random.default_rng(0).integers(0, 16, shape)).astype(np.uint8)
    pixels[:, shape[1] // 2 :] = 255  # long runs are packed
    sequence = sixels(pixels)
    assert np.abs(decoded(sequence) - pixels).max() <= 2
    assert len(sequence) < 16 * pixels.size + 600


def test_rows_are_numbered_by_signs_that_no_terminal_takes_for_part_of_a_letter() -> None:
    made_of = [unicodedata.decomposition(chr(code)).split() for code in range(0x30000)]
    parts = {chr(int(part, 16)) for each in made_of if each and each[0][0] != "<" for part in each}
    above = [sign for sign in map(chr, range(0x830)) if unicodedata.combining(sign) == 230 and sign not in parts]
    assert [*row_signs()] == [sign for sign in above if not unicodedata.decomposition(sign)]
    assert row_signs()[:3] == "\u0305\u030d\u030e"  # as kitty documents them


def test_kitty_is_sent_the_pixels() -> None:
    from PIL import Image

    tiles = np.random.default_rng(0).random((2, 1, 28, 28), dtype=np.float32)
    sheet = Sheet(Placement(Graphics("kitty", 10, 20), 0, 2, 28, 14.0, 14), tiles)
    sheet.encode()
    drawn = sheet.draw(4, 2)
    chunks = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", drawn)
    assert len(chunks) > 1
    assert max(len(content) for _, content in chunks) <= 4096
    assert [keys[-3:] for keys, _ in chunks[1:]] == [*["m=1"] * (len(chunks) - 2), "m=0"]
    picture = Image.open(io.BytesIO(base64.b64decode("".join(content for _, content in chunks))))
    assert np.array_equal(np.asarray(picture), enlarge(tiles, sheet.placement))
    number = re.findall(r"i=(\d+)", drawn)[0]
    rows = drawn.partition("\x1b7")[2].split("\x1b[")
    assert [row[:5] for row in rows[2:]] == [f"{y};5H\U0010eeee" for y in range(3, 10)] + [
        f"{y};5H" for y in range(10, 17)
    ]
    assert f"i={number}," in delete_images()


def test_the_number_of_a_discarded_picture_is_taken_again() -> None:
    tiles = np.zeros((1, 1, 28, 28), dtype=np.float32)
    place = Placement(Graphics("kitty", 10, 20), 0, 1, 28, 14.0, 14)
    numbers = []
    for _ in range(5):
        sheet = Sheet(place, tiles)
        sheet.encode()
        numbers += re.findall(r",i=(\d+),c", sheet.draw(0, 0))
        sheet.discard()
    assert len(numbers) == 5
    assert len(set(numbers)) == 1
