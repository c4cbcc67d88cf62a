/* count - counts the sequences of k digits in a stream of bytes.
 *
 * Two steps, each as a plain C path and as faster ones chosen at run time (pi_path):
 *
 *   compact  bytes -> values 0..9 in a small block, separators dropped, anything else noticed;
 *   quads    values -> numbers of four digits at places 0, s, 2s, ...
 *
 * A quad taken every s = 5 - k digits holds s sequences of k digits, each sequence just once.  So
 * for k <= 4 one increment in a table of 10^4 (which a core keeps near) counts s sequences at once,
 * and the table is folded into the 10^k counts at the end.  For k > 4 two quads make the number and
 * the counts are incremented directly.
 *
 * A counter counts the sequences that *start* in the bytes fed to it; what follows them is shown to
 * it afterwards.  Ranges of a file counted apart therefore add up exactly to the whole. */
#ifndef PARALLELPI_COUNT_H
#define PARALLELPI_COUNT_H

#include <stddef.h>
#include <stdint.h>

enum {
    PI_MAX_K = 8,
    PI_BLOCK = 4096, /* values worked on at a time; these and their quads stay in L1 */
    PI_SLACK = 64,   /* bytes that a path may read or write behind the end of its arrays */
    PI_TABLE_SIZE = 10000
};

/* One way of doing the two steps.  All give the same. */
typedef struct pi_path {
    const char *name;
    int (*supported)(void); /* 1 when this machine can */

    /* Stores the values of the digits among `size` bytes, their number in *count, and returns how
     * many bytes were read: `size`, or the offset of the first that is neither digit nor
     * separator.  `values` has room for size + PI_SLACK. */
    size_t (*compact)(const unsigned char *bytes, size_t size, uint8_t *values, size_t *count);

    /* Stores the n quads at values[0], values[stride], ...; stride is 1 to 4.  PI_SLACK bytes
     * behind the last value may be read, and as many quads behind the n-th be written. */
    void (*quads)(const uint8_t *values, size_t stride, size_t n, uint16_t *quads);
} pi_path;

extern const pi_path pi_path_plain;
#ifdef __x86_64__
extern const pi_path pi_path_avx2;
extern const pi_path pi_path_avx512;
#endif

/* Every path of this build from the fastest to the plain one; NULL beyond the last. */
const pi_path *pi_path_at(size_t i);

/* The path of this name; NULL when there is none or the machine lacks it.  NULL and "auto" mean the
 * fastest that the machine has. */
const pi_path *pi_path_find(const char *name);

/* 10 to the power k, k from 0 to 9. */
uint64_t pi_power10(int k);

typedef struct pi_counter {
    const pi_path *path;
    int k;
    uint64_t *counts; /* the caller's 10^k counts, added to */
    uint64_t digits;  /* fed so far */
    size_t held;      /* values that no sequence has been counted from yet */
    size_t ahead;     /* how many of them were shown, not fed */
    uint8_t values[PI_MAX_K + PI_BLOCK + PI_SLACK];
    uint16_t quads[PI_BLOCK + PI_SLACK];
    uint32_t table[PI_TABLE_SIZE];
} pi_counter;

/* Starts a counter.  `counts` is not cleared: it is added to, in part only at pi_counter_finish().
 */
void pi_counter_init(pi_counter *counter, const pi_path *path, int k, uint64_t *counts);

/* Counts on.  Returns `size`, or the offset of the first byte that is neither digit nor separator
 * (then what is in front of it has been counted). */
size_t pi_counter_feed(pi_counter *counter, const unsigned char *bytes, size_t size);

/* Shows what follows the bytes fed.  Returns 1 when the counter has seen enough, 0 when it wants
 * more.  It passes by a bad byte and sees no further: that is the affair of who is fed it. */
int pi_counter_show(pi_counter *counter, const unsigned char *bytes, size_t size);

/* Brings counts up to date.  The counter is then as after pi_counter_init(). */
void pi_counter_finish(pi_counter *counter);

#endif
