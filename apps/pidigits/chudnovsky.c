/*
 * Design notes
 *
 *   1 / pi = 12 sum_k (-1)^k (6k)! (A + B k) / ((3k)! k!^3 640320^(3k + 3/2))
 *
 * For a range of terms, P is the product of the numerators of successive terms' ratios, Q that of
 * the denominators, and T / Q the sum, relative to the term before.  Two neighbouring ranges join
 * by P = P1 P2, Q = Q1 Q2, T = T1 Q2 + P1 T2, and pi = Q 426880 sqrt(10005) / T over all terms.
 *
 * The terms are cut into PARTS ranges of about equal work, which any number of threads take one by
 * one; the parts are joined in pairs, level by level.  At the levels with fewer pairs than threads
 * the multiplications are shared out instead.  The last join keeps leading bits only: beyond the
 * precision wanted, and beyond half of it in the second product, nothing reaches the result.
 */
#include "chudnovsky.h"

#include "multiply.h"
#include "newton.h"
#include "team.h"

enum {
    LOG_PARTS = 7,
    PARTS = 1 << LOG_PARTS,
    BASE_TERMS = 12, /* summed one by one */
    GUARD = 128,
    /* thousandths of the whole, as measured */
    SHARE_PARTS = 512,
    SHARE_LEVEL = 50,
    SHARE_END = 1000 - SHARE_PARTS - LOG_PARTS * SHARE_LEVEL
};

static const unsigned long A = 13591409, B = 545140134, C = 10939058860032000; /* 640320^3 / 24 */
static const double BITS_PER_TERM = 47.11;

typedef struct range {
    mpz_t p, q, t;
} range;

typedef struct sum {
    range part[PARTS];
    size_t terms;
    size_t bits;
    int level, threads;
    progress *progress;
} sum;

static void range_init(range *r)
{
    mpz_init(r->p);
    mpz_init(r->q);
    mpz_init(r->t);
}

static void range_clear(range *r)
{
    mpz_clear(r->p);
    mpz_clear(r->q);
    mpz_clear(r->t);
}

/* Terms first .. end - 1, appended one by one; term 0 counts as 1 with P = Q = 1. */
static void sum_few(range *r, size_t first, size_t end)
{
    mpz_t product;
    mpz_init(product);
    mpz_set_ui(r->p, 1);
    mpz_set_ui(r->q, 1);
    mpz_set_ui(r->t, 0);
    for (size_t k = first; k < end; k++) {
        if (k > 0) {
            mpz_mul_ui(r->p, r->p, (6 * k - 5) * (2 * k - 1));
            mpz_mul_ui(r->p, r->p, 6 * k - 1);
            mpz_mul_ui(product, r->q, C);
            mpz_mul_ui(product, product, k * k);
            mpz_mul_ui(r->q, product, k);
            mpz_mul_ui(product, r->t, C);
            mpz_mul_ui(product, product, k * k);
            mpz_mul_ui(r->t, product, k);
        }
        mpz_mul_ui(product, r->p, A + B * k);
        if (k % 2 == 0) {
            mpz_add(r->t, r->t, product);
        } else {
            mpz_sub(r->t, r->t, product);
        }
    }
    mpz_clear(product);
}

/* left = left and right together; right is cleared. */
static void join(range *left, range *right, int need_p, int threads)
{
    multiply(left->t, left->t, right->q, threads);
    multiply(right->t, right->t, left->p, threads);
    mpz_add(left->t, left->t, right->t);
    mpz_realloc2(right->t, 0);
    multiply(left->q, left->q, right->q, threads);
    mpz_realloc2(right->q, 0);
    if (need_p) {
        multiply(left->p, left->p, right->p, threads);
    }
    range_clear(right);
}

static void sum_range(range *r, size_t first, size_t end)
{
    range_init(r);
    if (end - first <= BASE_TERMS) {
        sum_few(r, first, end);
        return;
    }
    range right;
    size_t middle = first + (end - first) / 2;
    sum_range(r, first, middle);
    sum_range(&right, middle, end);
    join(r, &right, 1, 1);
}

static void one_part(void *arg, int i)
{
    sum *s = arg;
    size_t part = (size_t)i;
    sum_range(&s->part[i], s->terms * part / PARTS, s->terms * (part + 1) / PARTS);
    progress_add(s->progress, SHARE_PARTS / PARTS);
}

static void one_pair(void *arg, int i)
{
    sum *s = arg;
    int step = 1 << s->level;
    int pairs = PARTS / (2 * step);
    int threads = pairs < s->threads ? s->threads / pairs : 1;
    join(&s->part[2 * i * step], &s->part[(2 * i + 1) * step], 1, threads);
}

/* Keep the leading `bits` bits of x; the number of bits dropped. */
static size_t keep_leading(mpz_t x, size_t bits)
{
    size_t size = mpz_sizeinbase(x, 2);
    if (size <= bits) {
        return 0;
    }
    mpz_fdiv_q_2exp(x, x, size - bits);
    mpz_realloc2(x, bits);
    return size - bits;
}

/* The last join; *q_shift and *t_shift tell the powers of two that q and t are short of. */
static void join_last(sum *s, size_t bits, size_t *q_shift, size_t *t_shift)
{
    range *left = &s->part[0], *right = &s->part[PARTS / 2];
    size_t p1 = keep_leading(left->p, bits / 2 + GUARD);
    mpz_t t2;
    mpz_init_set(t2, right->t);
    size_t t2_shift = keep_leading(t2, bits / 2 + GUARD);
    mpz_realloc2(right->t, 0);
    mpz_realloc2(right->p, 0);
    size_t t1 = keep_leading(left->t, bits);
    size_t q1 = keep_leading(left->q, bits);
    size_t q2 = keep_leading(right->q, bits);
    multiply(left->t, left->t, right->q, s->threads);
    multiply(t2, t2, left->p, s->threads);
    mpz_realloc2(left->p, 0);
    if (p1 + t2_shift >= t1 + q2) {
        mpz_mul_2exp(t2, t2, p1 + t2_shift - t1 - q2);
    } else {
        mpz_fdiv_q_2exp(t2, t2, t1 + q2 - p1 - t2_shift);
    }
    mpz_add(left->t, left->t, t2);
    mpz_clear(t2);
    multiply(left->q, left->q, right->q, s->threads);
    range_clear(right);
    *t_shift = t1 + q2 + keep_leading(left->t, bits);
    *q_shift = q1 + q2 + keep_leading(left->q, bits);
}

typedef struct ending {
    range *r;
    mpz_t reciprocal, root;
    size_t bits, t_bits;
    int threads;
} ending;

static void one_ending(void *arg, int i)
{
    ending *e = arg;
    if (i == 0) {
        newton_reciprocal(e->reciprocal, e->r->t, e->t_bits, e->threads);
        mpz_realloc2(e->r->t, 0);
    } else {
        newton_reciprocal_root(e->root, 10005, e->bits, e->threads);
    }
}

/* x = 426880 * 10005 * q / t / sqrt(10005) * 2^bits, with q and t short of powers of two. */
static void finish(mpz_t x, sum *s, size_t precision, size_t q_shift, size_t t_shift)
{
    ending e = {.r = &s->part[0], .bits = precision};
    e.threads = s->threads > 1 ? s->threads / 2 : 1;
    e.t_bits = mpz_sizeinbase(e.r->t, 2);
    mpz_init(e.reciprocal);
    mpz_init(e.root);
    team_run(s->threads, 2, one_ending, &e);
    progress_add(s->progress, SHARE_END * 2 / 3);

    multiply(x, e.r->q, e.reciprocal, s->threads);
    mpz_clear(e.reciprocal);
    range_clear(e.r);
    size_t drop = keep_leading(x, precision);
    multiply(x, x, e.root, s->threads);
    mpz_clear(e.root);
    mpz_mul_ui(x, x, 426880ul * 10005ul);
    /* x 2^(drop + q_shift - t_shift - 2 t_bits - precision) is pi. */
    mpz_sub_ui(x, x, 1);
    mpz_fdiv_q_2exp(x, x, 2 * e.t_bits + precision + t_shift - drop - q_shift - s->bits);
    mpz_sub_ui(x, x, 1);
}

void chudnovsky_pi(mpz_t x, size_t bits, int threads, progress *p)
{
    static sum s;
    size_t precision = bits + GUARD, q_shift, t_shift;
    s.terms = (size_t)((double)precision / BITS_PER_TERM) + PARTS;
    s.bits = bits;
    s.threads = threads;
    s.progress = p;
    team_run(threads, PARTS, one_part, &s);
    for (s.level = 0; s.level < LOG_PARTS - 1; s.level++) {
        team_run(threads, PARTS >> (s.level + 1), one_pair, &s);
        progress_add(p, SHARE_LEVEL);
    }
    join_last(&s, precision, &q_shift, &t_shift);
    progress_add(p, SHARE_LEVEL);
    finish(x, &s, precision, q_shift, t_shift);
}
