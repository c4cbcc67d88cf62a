/* count_plain - the steps in plain C, for any machine. */
#include "count.h"
#include "layout.h"

#include <string.h>

static int supported(void)
{
    return 1;
}

/* Of eight bytes at once, the high bit of each that is not a digit.  Bytes from 0x80 on have it
 * anyhow; of the others, those above '9' get it by adding 0x46, and '0' to '9' keep it off by being
 * at least 0x30.  No sum carries into the next byte. */
static uint64_t not_digits(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101U, high = ones * 0x80;
    uint64_t low = word & ~high;
    uint64_t above = low + ones * (0x80 - ('9' + 1)), reached = low + ones * (0x80 - '0');

    return (word | above | ~reached) & high;
}

/* Of eight bytes in a word, in the order of memory: how many are in front of the first that is
 * marked, and the word without that many and one more. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
static unsigned bytes_before(uint64_t marks)
{
    return (unsigned)__builtin_ctzll(marks) / 8;
}

static uint64_t behind(uint64_t word, unsigned bytes)
{
    return word >> 8 * bytes >> 8;
}
#else
static unsigned bytes_before(uint64_t marks)
{
    return (unsigned)__builtin_clzll(marks) / 8;
}

static uint64_t behind(uint64_t word, unsigned bytes)
{
    return word << 8 * bytes << 8;
}
#endif

/* Compacts eight bytes; eight are stored for each run of digits, the next run overwrites the rest.
 * Returns 8, or the place of a bad byte. */
static size_t compact_word(const unsigned char *bytes, uint8_t **to)
{
    uint64_t word, marks;
    unsigned at = 0;

    memcpy(&word, bytes, 8);
    marks = not_digits(word);
    for (word ^= 0x3030303030303030U; marks != 0; at++) {
        unsigned run = bytes_before(marks);
        memcpy(*to, &word, 8);
        *to += run;
        at += run;
        if (!pi_is_separator(bytes[at]))
            return at;
        word = behind(word, run);
        marks = behind(marks, run);
    }
    memcpy(*to, &word, 8);
    *to += 8 - at;
    return 8;
}

static size_t compact_bytes(const unsigned char *bytes, size_t size, uint8_t **to)
{
    for (size_t at = 0; at < size; at++)
        if (pi_is_digit(bytes[at]))
            *(*to)++ = bytes[at] - '0';
        else if (!pi_is_separator(bytes[at]))
            return at;
    return size;
}

static size_t compact(const unsigned char *bytes, size_t size, uint8_t *values, size_t *count)
{
    size_t at = 0, got = 8;
    uint8_t *to = values;

    for (; at + 8 <= size && got == 8; at += got)
        got = compact_word(bytes + at, &to);
    if (got == 8)
        at += compact_bytes(bytes + at, size - at, &to);
    *count = (size_t)(to - values);
    return at;
}

static void quads(const uint8_t *values, size_t stride, size_t n, uint16_t *quads_out)
{
    for (size_t i = 0; i < n; i++, values += stride)
        quads_out[i] = (uint16_t)(((values[0] * 10 + values[1]) * 10 + values[2]) * 10 + values[3]);
}

const pi_path pi_path_plain = {"plain", supported, compact, quads};
