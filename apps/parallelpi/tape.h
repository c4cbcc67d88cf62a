/* tape - the input files as one sequence of bytes.
 *
 * A tape is one flat block, so that it can be pushed to the engines as it is: no pointers, names
 * behind the entries. Positions on it count bytes from the beginning of the first file; `begin` and
 * `end` are the part to be counted. Whoever reads sees the files' bytes joined without a seam. */
#ifndef PARALLELPI_TAPE_H
#define PARALLELPI_TAPE_H

#include <stddef.h>
#include <stdint.h>

enum { PI_TROUBLE_SIZE = 1024 };

/* One line on what is wrong with the input: "FILE: why". */
typedef struct pi_trouble {
    char text[PI_TROUBLE_SIZE];
    int code; /* of the call that failed, if it was one of Nave's; 0 */
} pi_trouble;

typedef struct pi_tape_file {
    uint64_t base; /* position of its first byte */
    uint64_t size;
    uint64_t changed; /* when, in nanoseconds: counts of other contents are others */
    uint64_t name;    /* offset of its name in the block */
} pi_tape_file;

typedef struct pi_tape {
    uint64_t block_size; /* of all of it in bytes, names included */
    uint64_t begin, end; /* the first decimal, behind the last byte */
    uint64_t count;
    pi_tape_file files[];
} pi_tape;

/* Makes a tape of the files, each readable, regular and not empty; begin is set behind what is in
 * front of the decimals. To be freed with free(). NULL with a trouble. */
pi_tape *pi_tape_new(char *const *names, size_t count, pi_trouble *trouble);

/* The file in which a position lies, and its name. */
size_t pi_tape_at(const pi_tape *tape, uint64_t position);
const char *pi_tape_name(const pi_tape *tape, size_t file);

/* Notes that the byte at a position is neither digit nor separator. */
void pi_tape_blame(const pi_tape *tape, uint64_t position, unsigned char byte, pi_trouble *trouble);

/* Reads from a tape; keeps the file open in which it read last. */
typedef struct pi_reader {
    const pi_tape *tape;
    size_t file;
    int descriptor; /* -1: none */
} pi_reader;

void pi_reader_init(pi_reader *reader, const pi_tape *tape);
void pi_reader_release(pi_reader *reader);

/* Reads up to `size` bytes from a position on, not beyond `end`. Returns how many (0 at the end;
 * fewer than asked for where a file ends), or -1 with a trouble. */
ptrdiff_t pi_reader_read(pi_reader *reader, uint64_t position, uint64_t end, unsigned char *bytes,
                         size_t size, pi_trouble *trouble);

#endif
