#include "count.h"
#include "layout.h"

#include <string.h>

/* Design notes
 *
 * A block of values is at most PI_BLOCK fed ones behind the few held from the block before.  With a
 * stride of s, only whole quads are counted and the up to k - 1 + s - 1 values behind are held; the
 * last of them are counted one by one in pi_counter_finish().
 *
 * The quads of a block are stored and then loaded again one by one: cheaper than to take them out
 * of a vector register, and so only the making of them differs between the paths.
 *
 * What limits the speed is the table: about one increment a clock cycle, whatever the path.  The
 * table counts in 32 bits, so it is folded before 2^32 quads could have met in one place. */

static const pi_path *const paths[] = {
#ifdef __x86_64__
    &pi_path_avx512,
    &pi_path_avx2,
#endif
    &pi_path_plain,
};

const pi_path *pi_path_at(size_t i)
{
    return i < sizeof paths / sizeof *paths ? paths[i] : NULL;
}

const pi_path *pi_path_find(const char *name)
{
    int any = name == NULL || strcmp(name, "auto") == 0;
    const pi_path *path;

    for (size_t i = 0; (path = pi_path_at(i)) != NULL; i++)
        if ((any || strcmp(path->name, name) == 0) && path->supported())
            return path;
    return NULL;
}

uint64_t pi_power10(int k)
{
    uint64_t power = 1;

    while (k-- > 0)
        power *= 10;
    return power;
}

void pi_counter_init(pi_counter *counter, const pi_path *path, int k, uint64_t *counts)
{
    counter->path = path;
    counter->k = k;
    counter->counts = counts;
    counter->digits = 0;
    counter->held = 0;
    counter->ahead = 0;
    memset(counter->table, 0, sizeof counter->table);
}

/* Adds the last k digits of the numbers of `width` digits in the table. */
static void add_last(const uint32_t *table, int width, int k, uint64_t *counts)
{
    size_t rows = pi_power10(width - k), row = pi_power10(k);

    for (size_t r = 0; r < rows; r++, table += row)
        for (size_t i = 0; i < row; i++)
            counts[i] += table[i];
}

/* Turns counts of numbers of `width` digits into counts of all but their last digits, in place. */
static void drop_last(uint32_t *table, int width)
{
    size_t shorter = pi_power10(width - 1);
    const uint32_t *ten = table;

    for (size_t i = 0; i < shorter; i++, ten += 10)
        table[i] =
            ten[0] + ten[1] + ten[2] + ten[3] + ten[4] + ten[5] + ten[6] + ten[7] + ten[8] + ten[9];
}

/* Sequences of k digits at each place of the quads: the last one, then those in front of it. */
static void fold(pi_counter *counter)
{
    for (int width = 4; width >= counter->k; width--) {
        add_last(counter->table, width, counter->k, counter->counts);
        if (width > 1)
            drop_last(counter->table, width);
    }
    memset(counter->table, 0, sizeof counter->table);
}

static void count_singly(const pi_counter *counter, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t number = 0;
        for (int j = 0; j < counter->k; j++)
            number = number * 10 + counter->values[i + (size_t)j];
        counter->counts[number]++;
    }
}

/* The increments of a quad each; unrolled, since nothing else is in this loop. */
static void add_quads(uint32_t *table, const uint16_t *quads, size_t n)
{
    size_t i = 0;

    for (; i + 4 <= n; i += 4) {
        table[quads[i]]++;
        table[quads[i + 1]]++;
        table[quads[i + 2]]++;
        table[quads[i + 3]]++;
    }
    for (; i < n; i++)
        table[quads[i]]++;
}

/* k from 5 to 8: the quad at i and the last k - 4 digits of the quad that ends where k digits do.
 */
static void add_pairs_of_quads(uint64_t *counts, const uint16_t *quads, int k, size_t n)
{
    uint32_t scale = (uint32_t)pi_power10(k - 4);
    const uint16_t *rest = quads + (k - 4);

    if (k == 8)
        for (size_t i = 0; i < n; i++)
            counts[quads[i] * scale + rest[i]]++;
    else
        for (size_t i = 0; i < n; i++)
            counts[quads[i] * scale + rest[i] % scale]++;
}

/* Counts from the first of n values on; returns from how many. */
static size_t count_block(pi_counter *counter, size_t n)
{
    size_t k = (size_t)counter->k, starts = n < k ? 0 : n - k + 1;
    size_t stride = k < 4 ? 5 - k : 1, quads = starts / stride;

    if (k <= 4) {
        counter->path->quads(counter->values, stride, quads, counter->quads);
        add_quads(counter->table, counter->quads, quads);
    } else if (quads > 0) {
        counter->path->quads(counter->values, 1, quads + k - 4, counter->quads);
        add_pairs_of_quads(counter->counts, counter->quads, counter->k, quads);
    }
    return quads * stride;
}

static void feed_values(pi_counter *counter, size_t got)
{
    size_t n = counter->held + got, done = count_block(counter, n);

    counter->digits += got;
    counter->held = n - done;
    memmove(counter->values, counter->values + done, counter->held);
    if (counter->digits >> 31 != (counter->digits - got) >> 31)
        fold(counter);
}

size_t pi_counter_feed(pi_counter *counter, const unsigned char *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t want = size - at < PI_BLOCK ? size - at : PI_BLOCK, got;
        size_t read =
            counter->path->compact(bytes + at, want, counter->values + counter->held, &got);
        feed_values(counter, got);
        at += read;
        if (read < want)
            return at;
    }
    return size;
}

int pi_counter_show(pi_counter *counter, const unsigned char *bytes, size_t size)
{
    size_t enough = (size_t)counter->k - 1;

    for (size_t i = 0; i < size && counter->ahead < enough; i++) {
        if (pi_is_separator(bytes[i]))
            continue;
        if (!pi_is_digit(bytes[i]))
            return 1;
        counter->values[counter->held++] = bytes[i] - '0';
        counter->ahead++;
    }
    return counter->ahead == enough;
}

void pi_counter_finish(pi_counter *counter)
{
    size_t k = (size_t)counter->k;

    if (counter->held >= k)
        count_singly(counter, counter->held - k + 1);
    if (counter->k <= 4)
        fold(counter);
    counter->held = counter->ahead = 0;
    counter->digits = 0;
}
