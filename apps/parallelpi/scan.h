/* scan - counting and searching in ranges of a tape, on one core. */
#ifndef PARALLELPI_SCAN_H
#define PARALLELPI_SCAN_H

#include "count.h"
#include "tape.h"

enum { PI_PIECE = 128 * 1024 }; /* bytes read at a time; 32 KiB and 256 KiB were slower */

/* The storage of a scan; about 0.25 MiB, so on the heap. */
typedef struct pi_scanner {
    const pi_path *path;
    int k;
    pi_counter counter;
    unsigned char bytes[PI_PIECE];
    uint8_t values[PI_PIECE + PI_SLACK];
} pi_scanner;

typedef struct pi_range {
    uint64_t begin, end;
} pi_range;

/* What a look at a range found: digits, and where it stopped: at the first byte that is neither
 * digit nor separator, else at the end of the range. */
typedef struct pi_sight {
    uint64_t digits;
    uint64_t stop;
    unsigned char byte; /* the bad one */
} pi_sight;

/* All return 0, or -1 with a trouble. */

/* Adds the sequences that start in the range to the 10^k counts, and its digits to *digits. A bad
 * byte in the range is a trouble. */
int pi_scan_count(pi_scanner *scanner, const pi_tape *tape, pi_range range, uint64_t *counts,
                  uint64_t *digits, pi_trouble *trouble);

/* Counts digits up to the end of the range or the first bad byte, whatever comes first. */
int pi_scan_look(pi_scanner *scanner, const pi_tape *tape, pi_range range, pi_sight *sight,
                 pi_trouble *trouble);

/* Finds the position behind the n-th digit of the range, n > 0; the end of the range or the place
 * of a bad byte when there are not so many. */
int pi_scan_place(pi_scanner *scanner, const pi_tape *tape, pi_range range, uint64_t n,
                  uint64_t *position, pi_trouble *trouble);

/* Stores the values of the first and of the last n digits between tape->begin and tape->end, which
 * are so many at least; n < PI_MAX_K. */
int pi_scan_ends(pi_scanner *scanner, const pi_tape *tape, size_t n, uint8_t *first, uint8_t *last,
                 pi_trouble *trouble);

#endif
