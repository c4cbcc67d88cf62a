#include "scan.h"
#include "layout.h"

/* Feeds the range to the counter. */
static int feed(pi_scanner *scanner, pi_reader *reader, pi_range range, pi_trouble *trouble)
{
    for (uint64_t at = range.begin; at < range.end;) {
        ptrdiff_t got = pi_reader_read(reader, at, range.end, scanner->bytes, PI_PIECE, trouble);
        if (got < 0)
            return -1;
        size_t good = pi_counter_feed(&scanner->counter, scanner->bytes, (size_t)got);
        if (good < (size_t)got) {
            pi_tape_blame(reader->tape, at + good, scanner->bytes[good], trouble);
            return -1;
        }
        at += (uint64_t)got;
    }
    return 0;
}

/* Shows the counter what follows, through separators and files, until it has its k - 1 digits. */
static int show(pi_scanner *scanner, pi_reader *reader, uint64_t at, pi_trouble *trouble)
{
    for (ptrdiff_t got; at < reader->tape->end; at += (uint64_t)got) {
        got = pi_reader_read(reader, at, reader->tape->end, scanner->bytes, 64, trouble);
        if (got < 0)
            return -1;
        if (pi_counter_show(&scanner->counter, scanner->bytes, (size_t)got))
            break;
    }
    return 0;
}

int pi_scan_count(pi_scanner *scanner, const pi_tape *tape, pi_range range, uint64_t *counts,
                  uint64_t *digits, pi_trouble *trouble)
{
    pi_reader reader;
    int rc;

    pi_reader_init(&reader, tape);
    pi_counter_init(&scanner->counter, scanner->path, scanner->k, counts);
    rc = feed(scanner, &reader, range, trouble);
    if (rc == 0)
        rc = show(scanner, &reader, range.end, trouble);
    if (rc == 0) {
        *digits += scanner->counter.digits;
        pi_counter_finish(&scanner->counter);
    }
    pi_reader_release(&reader);
    return rc;
}

/* Looks through a range. Returns 1 in front of the piece in which the digits come to `enough`, with
 * that piece in scanner->bytes; 0 at the end or a bad byte. */
static int look(pi_scanner *scanner, pi_reader *reader, pi_range range, uint64_t enough,
                pi_sight *sight, pi_trouble *trouble)
{
    sight->digits = 0;
    for (sight->stop = range.begin; sight->stop < range.end;) {
        size_t count, good;
        ptrdiff_t got =
            pi_reader_read(reader, sight->stop, range.end, scanner->bytes, PI_PIECE, trouble);
        if (got < 0)
            return -1;
        good = scanner->path->compact(scanner->bytes, (size_t)got, scanner->values, &count);
        if (sight->digits + count >= enough)
            return 1;
        sight->digits += count;
        sight->stop += good;
        if (good < (size_t)got) {
            sight->byte = scanner->bytes[good];
            return 0;
        }
    }
    return 0;
}

int pi_scan_look(pi_scanner *scanner, const pi_tape *tape, pi_range range, pi_sight *sight,
                 pi_trouble *trouble)
{
    pi_sight seen = {0};
    pi_reader reader;
    int rc;

    pi_reader_init(&reader, tape);
    rc = look(scanner, &reader, range, UINT64_MAX, &seen, trouble);
    pi_reader_release(&reader);
    if (rc == 0)
        *sight = seen;
    return rc;
}

int pi_scan_place(pi_scanner *scanner, const pi_tape *tape, pi_range range, uint64_t n,
                  uint64_t *position, pi_trouble *trouble)
{
    pi_sight seen = {0};
    pi_reader reader;
    int rc;

    pi_reader_init(&reader, tape);
    rc = look(scanner, &reader, range, n, &seen, trouble);
    pi_reader_release(&reader);
    if (rc < 0)
        return -1;
    for (size_t i = 0; rc == 1 && seen.digits < n; i++, seen.stop++)
        seen.digits += (uint64_t)pi_is_digit(scanner->bytes[i]);
    *position = seen.stop;
    return 0;
}

static int first_digits(pi_scanner *scanner, pi_reader *reader, size_t n, uint8_t *first,
                        pi_trouble *trouble)
{
    size_t found = 0;

    for (uint64_t at = reader->tape->begin; found < n && at < reader->tape->end;) {
        ptrdiff_t got =
            pi_reader_read(reader, at, reader->tape->end, scanner->bytes, PI_PIECE, trouble);
        if (got < 0)
            return -1;
        for (ptrdiff_t i = 0; i < got && found < n; i++)
            if (pi_is_digit(scanner->bytes[i]))
                first[found++] = scanner->bytes[i] - '0';
        at += (uint64_t)got;
    }
    return 0;
}

/* Backwards, a piece at a time, until n digits have been met. */
static int last_digits(pi_scanner *scanner, pi_reader *reader, size_t n, uint8_t *last,
                       pi_trouble *trouble)
{
    const pi_tape *tape = reader->tape;

    for (uint64_t end = tape->end; n > 0 && end > tape->begin;) {
        const pi_tape_file *file = &tape->files[pi_tape_at(tape, end - 1)];
        uint64_t begin = file->base > tape->begin ? file->base : tape->begin;
        begin = end - begin > PI_PIECE ? end - PI_PIECE : begin;
        for (uint64_t at = begin; at < end;) {
            ptrdiff_t got = pi_reader_read(reader, at, end, scanner->bytes + (at - begin),
                                           (size_t)(end - at), trouble);
            if (got < 0)
                return -1;
            at += (uint64_t)got;
        }
        for (size_t i = (size_t)(end - begin); i > 0 && n > 0; i--)
            if (pi_is_digit(scanner->bytes[i - 1]))
                last[--n] = scanner->bytes[i - 1] - '0';
        end = begin;
    }
    return 0;
}

int pi_scan_ends(pi_scanner *scanner, const pi_tape *tape, size_t n, uint8_t *first, uint8_t *last,
                 pi_trouble *trouble)
{
    pi_reader reader;
    int rc;

    pi_reader_init(&reader, tape);
    rc = first_digits(scanner, &reader, n, first, trouble);
    if (rc == 0)
        rc = last_digits(scanner, &reader, n, last, trouble);
    pi_reader_release(&reader);
    return rc;
}
