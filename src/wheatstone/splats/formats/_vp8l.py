"""Lossless WebP (VP8L), written fast: what SOG's images need and no more.

An image is cut into strips of 16 rows. Each strip has the predictor that suits it best and prefix codes of
its own; green may be subtracted from red and blue. There is no search for repetitions and no colour cache:
codebook indices and low bytes of coordinates repeat too little to repay the time.

The format: RFC 9649, section 3. Rows are kept apart by channel, in the order green, red, blue, alpha in
which the format stores them.
"""

from __future__ import annotations

import struct

import numpy as np

from wheatstone.arrays import I64, U8, AnyArray
from wheatstone.compiled import kernel

MAX_SIDE_PX = 16_383
_SIGNATURE = 0x2F
_BLOCK_BITS = 4
_STRIP_ROWS = 1 << _BLOCK_BITS  # predictors and codes are chosen in square blocks, here alike along a strip
_SAMPLED_ROWS = (5, 12)  # of each strip; they choose its predictor

_BLACK, _LEFT, _ABOVE, _AVERAGE, _GRADIENT = 0, 1, 2, 7, 12  # the format's numbers of predictors
_PREDICTORS = (_BLACK, _LEFT, _ABOVE, _AVERAGE, _GRADIENT)

_ALPHABETS = (280, 256, 256, 256)  # green shares its code with lengths of repetitions
_LONGEST_CODE = 15
_LONGEST_LENGTH_CODE = 7
_LENGTH_ORDER = (17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
_REPEAT_BITS = (2, 3, 7)  # of the tokens 16, 17 and 18: the last length again, few zeros, many zeros
_GROUP_BYTES = 2048  # more than the five codes of a strip take
_PIXEL_BYTES = 8  # more than its four codes take


def encode(pixels: U8) -> bytes:
    """A `.webp` file of (H, W, 3 | 4) pixels, RGB or RGBA; every pixel comes back exactly.

    Raises:
        ValueError: a side is longer than 16383 pixels, or zero.
    """
    height, width = pixels.shape[:2]
    if not (0 < height <= MAX_SIDE_PX and 0 < width <= MAX_SIDE_PX):
        raise ValueError(f"WebP holds 1 to {MAX_SIDE_PX} pixels a side, not {width}x{height}.")
    groups = np.arange(-(-height // _STRIP_ROWS))
    data = _encode(np.ascontiguousarray(pixels), groups).astype("<u4", copy=False).tobytes()
    return b"RIFF" + struct.pack("<I", len(data) + 12) + b"WEBPVP8L" + struct.pack("<I", len(data)) + data


@kernel
def _encode(pixels: U8, groups: I64) -> AnyArray:
    """The VP8L bitstream in 32-bit words, the lowest bit first."""
    height, width, channels = pixels.shape
    strips = len(groups)
    predictors, subtract_green = _choose_predictors(pixels, strips)
    residuals, counts = _residuals(pixels, predictors, subtract_green)
    codes, lengths = np.zeros((strips, 4, 280), np.int64), np.zeros((strips, 4, 280), np.int64)
    columns = (width + _STRIP_ROWS - 1) // _STRIP_ROWS
    words = np.empty(
        (_PIXEL_BYTES * (height * width + strips * columns) + _GROUP_BYTES * (strips + 4)) // 4, np.uint32
    )
    out = np.zeros(3, np.int64)  # words written, bits not yet written, how many those are
    _put(words, out, _SIGNATURE | (width - 1) << 8, 22)
    _put(words, out, height - 1 | (channels - 3) << 14, 18)  # whether alpha counts; version 0
    if subtract_green:
        _put(words, out, 0b101, 3)
    _put(words, out, 0b001 | (_BLOCK_BITS - 2) << 3, 6)  # predictors
    _put_strip_image(words, out, predictors, columns)
    if strips > 1:
        _put(words, out, 0b100 | (_BLOCK_BITS - 2) << 3, 6)  # no further transform, no colour cache, many codes
        _put_strip_image(words, out, groups, columns)
    else:
        _put(words, out, 0b000, 3)
    for strip in range(strips):
        _put_codes(words, out, counts[strip], codes[strip], lengths[strip])
    _put_pixels(words, out, residuals, codes, lengths)
    words[out[0]] = out[1]
    return words[: out[0] + (1 if out[2] > 0 else 0)]


# ---- Prediction


@kernel
def _load_row(pixels: U8, y: int, subtract_green: bool, row: U8) -> None:
    """Fill the (4, W) `row`."""
    width, channels = pixels.shape[1:]
    for x in range(width):
        green = pixels[y, x, 1]
        less = green if subtract_green else np.uint8(0)
        row[0, x] = green
        row[1, x] = pixels[y, x, 0] - less
        row[2, x] = pixels[y, x, 2] - less
        row[3, x] = pixels[y, x, 3] if channels == 4 else 255


@kernel
def _predict(predictor: int, row: U8, above: U8, first: bool, black: int, residual: U8) -> None:
    """Fill the (W,) `residual` of one channel of a row; the `first` row has none above."""
    width = len(row)
    if first:
        residual[0] = row[0] - black
        for x in range(1, width):
            residual[x] = row[x] - row[x - 1]
        return
    residual[0] = row[0] - above[0]
    if predictor == _BLACK:
        for x in range(1, width):
            residual[x] = row[x] - black
    elif predictor == _LEFT:
        for x in range(1, width):
            residual[x] = row[x] - row[x - 1]
    elif predictor == _ABOVE:
        for x in range(1, width):
            residual[x] = row[x] - above[x]
    elif predictor == _AVERAGE:
        for x in range(1, width):
            residual[x] = row[x] - ((np.int16(row[x - 1]) + np.int16(above[x])) >> 1)
    else:
        for x in range(1, width):
            slope = np.int16(row[x - 1]) + np.int16(above[x]) - np.int16(above[x - 1])
            residual[x] = row[x] - min(max(slope, 0), 255)


@kernel
def _choose_predictors(pixels: U8, strips: int) -> tuple[I64, bool]:
    """The predictor of each strip, and whether to subtract green: what makes sampled rows cheapest."""
    height, width, channels = pixels.shape
    weights = np.empty(len(_SAMPLED_ROWS) * width + 1)
    weights[0] = 0
    for count in range(1, len(weights)):
        weights[count] = count * np.log2(count)
    costs = np.zeros((2, strips, len(_PREDICTORS)))
    row, above = np.empty((4, width), np.uint8), np.empty((4, width), np.uint8)
    residual = np.empty(width, np.uint8)
    counts = np.empty((len(_PREDICTORS), 4, 256), np.int64)
    for subtract_green in range(2):
        for strip in range(strips):
            counts[:] = 0
            for sampled in _SAMPLED_ROWS:
                y = min(strip * _STRIP_ROWS + sampled, height - 1)
                _load_row(pixels, y, subtract_green == 1, row)
                _load_row(pixels, max(y - 1, 0), subtract_green == 1, above)
                for i in range(len(_PREDICTORS)):
                    for c in range(channels):
                        _predict(_PREDICTORS[i], row[c], above[c], y == 0, 255 if c == 3 else 0, residual)
                        for value in residual:
                            counts[i, c, value] += 1
            for i in range(len(_PREDICTORS)):
                for c in range(channels):
                    for count in counts[i, c]:
                        costs[subtract_green, strip, i] -= weights[count]
    best = np.zeros((2, strips), np.int64)
    totals = np.zeros(2)
    for subtract_green in range(2):
        for strip in range(strips):
            cheapest = np.argmin(costs[subtract_green, strip])
            best[subtract_green, strip] = _PREDICTORS[cheapest]
            totals[subtract_green] += costs[subtract_green, strip, cheapest]
    subtract = totals[1] < totals[0]
    return best[1 if subtract else 0], subtract


@kernel
def _residuals(pixels: U8, predictors: I64, subtract_green: bool) -> tuple[U8, I64]:
    """(H, 4, W) residuals, and (strips, 4, 280) how often each occurs."""
    height, width = pixels.shape[:2]
    residuals = np.empty((height, 4, width), np.uint8)
    counts = np.zeros((len(predictors), 4, 280), np.int64)
    row, above = np.empty((4, width), np.uint8), np.empty((4, width), np.uint8)
    for y in range(height):
        _load_row(pixels, y, subtract_green, row)
        strip = y // _STRIP_ROWS
        for c in range(4):
            _predict(predictors[strip], row[c], above[c], y == 0, 255 if c == 3 else 0, residuals[y, c])
        for x in range(width):
            for c in range(4):
                counts[strip, c, residuals[y, c, x]] += 1
        row, above = above, row
    return residuals, counts


# ---- Prefix codes


@kernel
def _make_code(counts: I64, longest: int, codes: I64, lengths: I64) -> int:
    """Fill the code and its length in bits of each symbol, 0 for a single one; returns how many occur.

    Huffman's, from two queues; where a code would be too long, small counts are raised until it is not.
    """
    used = 0
    for symbol in range(len(counts)):
        lengths[symbol] = 0
        used += counts[symbol] > 0
    if used < 2:
        return used
    leaves = np.empty(used, np.int64)
    weights = np.empty(2 * used, np.int64)
    parents = np.empty(2 * used, np.int64)
    depths = np.empty(2 * used, np.int64)
    least = 1
    deepest = longest + 1
    while deepest > longest:
        i = 0
        for symbol in range(len(counts)):
            if counts[symbol] > 0:
                leaves[i] = max(counts[symbol], least) * 512 + symbol
                i += 1
        _sort(leaves)
        for i in range(used):
            weights[i] = leaves[i] >> 9
        leaf, node = 0, used
        for parent in range(used, 2 * used - 1):
            weights[parent] = 0
            for _ in range(2):
                if leaf < used and (node >= parent or weights[leaf] <= weights[node]):
                    child = leaf
                    leaf += 1
                else:
                    child = node
                    node += 1
                weights[parent] += weights[child]
                parents[child] = parent
        depths[2 * used - 2] = 0
        deepest = 0
        for i in range(2 * used - 3, -1, -1):
            depths[i] = depths[parents[i]] + 1
            deepest = max(deepest, depths[i])
        least *= 2
    for i in range(used):
        lengths[leaves[i] & 511] = depths[i]
    _number_codes(codes, lengths)
    return used


@kernel
def _sort(values: I64) -> None:
    """Sort a few hundred values in place (Shell's way; NumPy's takes seconds to compile)."""
    gap = len(values) // 2
    while gap > 0:
        for i in range(gap, len(values)):
            value = values[i]
            while i >= gap and values[i - gap] > value:
                values[i] = values[i - gap]
                i -= gap
            values[i] = value
        gap //= 2


@kernel
def _number_codes(codes: I64, lengths: I64) -> None:
    """Fill the canonical codes for these lengths, their bits reversed as they are written."""
    following = np.zeros(_LONGEST_CODE + 2, np.int64)
    for length in lengths:
        following[length + 1] += length > 0
    for length in range(1, _LONGEST_CODE + 2):
        following[length] = (following[length] + following[length - 1]) << 1
    for symbol in range(len(lengths)):
        code = following[lengths[symbol]]
        following[lengths[symbol]] += 1
        reverse = 0
        for _ in range(lengths[symbol]):
            reverse = reverse << 1 | code & 1
            code >>= 1
        codes[symbol] = reverse


# ---- The bitstream


@kernel
def _put(words: AnyArray, out: I64, value: int, count: int) -> None:
    """Append the lowest `count` bits of `value`, at most 31, which has no higher ones."""
    out[1] |= value << out[2]
    out[2] += count
    if out[2] >= 32:
        words[out[0]] = out[1] & 0xFFFFFFFF
        out[0] += 1
        out[1] >>= 32
        out[2] -= 32


@kernel
def _put_codes(words: AnyArray, out: I64, counts: I64, codes: I64, lengths: I64) -> None:
    """Make and append the codes of the four channels, and one without use for distances of repetitions."""
    for c in range(4):
        used = _make_code(counts[c], _LONGEST_CODE, codes[c], lengths[c])
        _put_code(words, out, counts[c], lengths[c], _ALPHABETS[c], used)
    _put(words, out, 0b0001, 4)


@kernel
def _put_code(words: AnyArray, out: I64, counts: I64, lengths: I64, size: int, used: int) -> None:
    """Append a prefix code: its symbols if they are at most two, else all lengths in run-length code."""
    if used <= 2:
        _put(words, out, 0b101 | (used - 1) << 1, 3)
        for symbol in range(256):
            if counts[symbol] > 0:
                _put(words, out, symbol, 8)
        return
    tokens = np.empty(size, np.int64)
    extras = np.empty(size, np.int64)  # how often a token repeats, in as many bits as its kind has
    token_counts = np.zeros(19, np.int64)
    count = 0
    previous = 8
    start = 0
    while start < size:
        length = lengths[start]
        run = 1
        while start + run < size and run < 138 and lengths[start + run] == length:
            run += 1
        token, least = length, 1
        if length == 0 and run >= 11:
            token, least = 18, 11
        elif length == 0 and run >= 3:
            token, least = 17, 3
        elif length > 0 and length == previous and run >= 3:
            token, least = 16, 3
            run = min(run, 6)
        if least == 1:
            run = 1
        if length > 0:
            previous = length
        tokens[count], extras[count] = token, run - least
        token_counts[token] += 1
        count += 1
        start += run
    token_codes, token_lengths = np.zeros(19, np.int64), np.zeros(19, np.int64)
    if _make_code(token_counts, _LONGEST_LENGTH_CODE, token_codes, token_lengths) == 1:
        listed_lengths = (token_counts > 0).astype(np.int64)  # a single token takes no bits, but must be listed
    else:
        listed_lengths = token_lengths
    listed = 19
    while listed > 4 and listed_lengths[_LENGTH_ORDER[listed - 1]] == 0:
        listed -= 1
    _put(words, out, (listed - 4) << 1, 5)
    for i in range(listed):
        _put(words, out, listed_lengths[_LENGTH_ORDER[i]], 3)
    _put(words, out, 0, 1)  # lengths of all symbols follow
    for i in range(count):
        token = tokens[i]
        _put(words, out, token_codes[token], token_lengths[token])
        if token >= 16:
            _put(words, out, extras[i], _REPEAT_BITS[token - 16])


@kernel
def _put_strip_image(words: AnyArray, out: I64, values: I64, columns: int) -> None:
    """Append the image of blocks: `columns` pixels a strip, `value` in their red and green bytes."""
    counts = np.zeros((4, 280), np.int64)
    for value in values:
        counts[0, value & 255] += 1
        counts[1, value >> 8] += 1
    counts[2:, 0] = 1
    codes, lengths = np.zeros((4, 280), np.int64), np.zeros((4, 280), np.int64)
    _put(words, out, 0, 1)  # no colour cache
    _put_codes(words, out, counts, codes, lengths)
    for value in values:
        for _ in range(columns):
            _put(words, out, codes[0, value & 255], lengths[0, value & 255])
            _put(words, out, codes[1, value >> 8], lengths[1, value >> 8])


@kernel
def _put_pixels(words: AnyArray, out: I64, residuals: U8, codes: I64, lengths: I64) -> None:
    height, _, width = residuals.shape
    position, pending, count = out[0], out[1], out[2]
    table = np.empty((4, 256), np.int64)  # code * 16 + length
    for y in range(height):
        if y % _STRIP_ROWS == 0:
            strip = y // _STRIP_ROWS
            for c in range(4):
                for value in range(256):
                    table[c, value] = codes[strip, c, value] << 4 | lengths[strip, c, value]
        row = residuals[y]
        for x in range(width):
            for c in range(4):
                entry = table[c, row[c, x]]
                pending |= (entry >> 4) << count
                count += entry & 15
                if c & 1:  # two codes have at most 30 bits, so that 61 are never exceeded
                    words[position] = pending & 0xFFFFFFFF
                    full = count >> 5
                    position += full
                    pending >>= full << 5
                    count &= 31
    out[0], out[1], out[2] = position, pending, count
