/*
 * Design notes
 *
 * Bernstein's scaled remainder tree.  A fraction f that gives n digits gives its first n / 2 from
 * its leading half, and its last n / 2 from the fractional part of f 10^(n/2) = f 5^(n/2) 2^(n/2),
 * where the power of two is a shift; either half needs half the bits.  Leaves are small enough for
 * GMP's own conversion.  The number of digits is leaf * 2^depth, so one power of five serves a
 * whole level.
 *
 * Bits are cut off at every level, so a fraction is at most depth + 2 units below its true value,
 * of 2^-GUARD of the last digit: a leaf whose rest is that near to one more could be wrong and says
 * so.
 */
#include "radix.h"

#include "multiply.h"
#include "team.h"

#include <stdatomic.h>
#include <string.h>

enum { LEAF = 1000, GUARD = 64, DEPTH_MAX = 48, DOUBT_BITS = 56 };

typedef struct tree {
    mpz_t five[DEPTH_MAX]; /* 5 to the digits in half a node, by level */
    mpz_t ten;             /* 10 to the digits in a leaf */
    int depth;
    size_t digits;
    atomic_int doubt;
    progress *progress;
} tree;

typedef struct node {
    tree *tree;
    mpz_t f[2]; /* the fractions of the two halves */
    char *out;
    size_t digits; /* of one half */
    int level, threads;
} node;

static size_t leaf_of(size_t digits, int depth)
{
    return (digits + ((size_t)1 << depth) - 1) >> depth;
}

/* The same for a number of digits and for what radix_round makes of it. */
static int depth_of(size_t digits)
{
    int depth = 0;
    while (leaf_of(digits, depth) > LEAF) {
        depth++;
    }
    return depth;
}

size_t radix_round(size_t digits)
{
    int depth = depth_of(digits);
    return leaf_of(digits, depth) << depth;
}

size_t radix_bits(size_t digits)
{
    return (size_t)((double)digits * 3.3219280948873626) + 2 + GUARD;
}

static void convert_leaf(tree *t, mpz_t f, char *out, size_t digits)
{
    char text[2 * LEAF + 8];
    mpz_t rest;
    mpz_init(rest);
    size_t bits = radix_bits(digits);
    mpz_mul(f, f, t->ten);
    mpz_fdiv_r_2exp(rest, f, bits);
    mpz_fdiv_q_2exp(f, f, bits);
    mpz_fdiv_q_2exp(rest, rest, bits - DOUBT_BITS);
    if (mpz_popcount(rest) == DOUBT_BITS) {
        atomic_store(&t->doubt, 1);
    }
    mpz_get_str(text, 10, f);
    size_t size = strlen(text);
    memset(out, '0', digits - size);
    memcpy(out + digits - size, text, size);
    mpz_clear(rest);
}

static void convert(tree *t, mpz_t f, char *out, size_t digits, int level, int threads);

static void one_half(void *arg, int i)
{
    node *n = arg;
    convert(n->tree, n->f[i], n->out + (size_t)i * n->digits, n->digits, n->level + 1,
            n->threads > 1 ? n->threads / 2 : 1);
    mpz_clear(n->f[i]);
}

/* f has radix_bits(digits) bits and is used up. */
static void convert(tree *t, mpz_t f, char *out, size_t digits, int level, int threads)
{
    if (level == t->depth) {
        convert_leaf(t, f, out, digits);
        return;
    }
    node n = {.tree = t, .out = out, .digits = digits / 2, .level = level, .threads = threads};
    size_t bits = radix_bits(digits), half = radix_bits(n.digits);
    mpz_init(n.f[0]);
    mpz_init(n.f[1]);
    mpz_fdiv_q_2exp(n.f[0], f, bits - half);
    multiply(n.f[1], f, t->five[level], threads);
    mpz_realloc2(f, 0);
    mpz_fdiv_r_2exp(n.f[1], n.f[1], bits - n.digits);
    mpz_fdiv_q_2exp(n.f[1], n.f[1], bits - n.digits - half);
    team_run(threads, 2, one_half, &n);
    if (level == 6) {
        progress_add(t->progress, 14);
    }
}

int radix_decimals(char *out, mpz_t x, size_t digits, int threads, progress *p)
{
    tree t = {.depth = depth_of(digits), .digits = digits, .progress = p};
    size_t leaf = digits >> t.depth;
    mpz_init(t.ten);
    mpz_ui_pow_ui(t.ten, 10, leaf);
    for (int level = t.depth; level-- > 0;) {
        mpz_init(t.five[level]);
        if (level == t.depth - 1) {
            mpz_ui_pow_ui(t.five[level], 5, leaf);
        } else {
            multiply(t.five[level], t.five[level + 1], t.five[level + 1], threads);
        }
    }
    convert(&t, x, out, digits, 0, threads);
    for (int level = 0; level < t.depth; level++) {
        mpz_clear(t.five[level]);
    }
    mpz_clear(t.ten);
    return atomic_load(&t.doubt) ? -1 : 0;
}
