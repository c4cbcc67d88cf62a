/*
 * Design notes
 *
 * FLINT converts an integer to decimals on one thread (before version 3), in more than linear time.
 * Hence PIECES integers: multiplied by a power of ten, x bares a piece's decimals in front of the
 * point; they are taken off, and what is left has the others behind it.  arb keeps the bounds all
 * the way, and no piece is taken off that they leave open.  With four or eight pieces 20 million
 * decimals took 1.8 s on two threads, with two 2.5 s; more pieces only add multiplications.
 */
#include "decimals.h"

#include <string.h>

enum { PIECES = 8, ROUNDING = 16 };

typedef struct pieces {
    fmpz z[PIECES];
    size_t digits; /* in each */
    char *out;
} pieces;

static size_t digits_in_piece(size_t n)
{
    return (n + PIECES - 1) / PIECES;
}

size_t decimals_room(size_t n)
{
    return digits_in_piece(n) * PIECES;
}

slong decimals_bits(size_t n)
{
    return (slong)((double)decimals_room(n) * 3.3219280948873626) + 1;
}

/* Move what stands before the point of x to z; -1: unknown. */
static int take_whole(fmpz_t z, arb_t x)
{
    arb_t whole;
    arb_init(whole);
    arb_floor(whole, x, ARF_PREC_EXACT);
    int known = arb_get_unique_fmpz(z, whole);
    arb_clear(whole);
    arb_sub_fmpz(x, x, z, ARF_PREC_EXACT);
    return known ? 0 : -1;
}

/* The bits of x that are worth multiplying: those that are known, and some against rounding. */
static slong bits_of(const arb_t x)
{
    slong known = arb_rel_accuracy_bits(x);
    return FLINT_MIN(FLINT_MAX(known, 2), ARF_PREC_EXACT - ROUNDING) + ROUNDING;
}

static int split(pieces *p, arb_t x)
{
    fmpz_t five;
    fmpz_init(five);
    int status = take_whole(five, x);
    fmpz_ui_pow_ui(five, 5, p->digits);
    for (int i = 0; status == 0 && i < PIECES; i++) {
        arb_mul_fmpz(x, x, five, bits_of(x));
        arb_mul_2exp_si(x, x, (slong)p->digits);
        status = take_whole(&p->z[i], x);
    }
    fmpz_clear(five);
    return status;
}

static void write_piece(slong i, void *arg)
{
    pieces *p = arg;
    char *out = p->out + (size_t)i * p->digits;
    char *text = fmpz_get_str(NULL, 10, &p->z[i]);
    size_t size = strlen(text);
    memset(out, '0', p->digits - size);
    memcpy(out + p->digits - size, text, size);
    flint_free(text);
}

int decimals_of(char *out, arb_t x, size_t n)
{
    pieces p = {.digits = digits_in_piece(n), .out = out};
    int status = split(&p, x);
    arb_zero(x);
    if (status == 0) {
        numbers_each(write_piece, &p, PIECES);
    }
    for (int i = 0; i < PIECES; i++) {
        fmpz_clear(&p.z[i]);
    }
    return status;
}
