/*
 * Design notes
 *
 * A factor is cut into pieces of `piece` bits, the coefficients of a polynomial; the polynomials
 * are multiplied modulo `primes` primes; the Chinese remainder theorem gives the coefficients of
 * the product, which overlap and are added up at their bit positions.  Primes are independent of
 * each other, and so are ranges of coefficients: that is where threads come in.
 *
 * The length is a power of two; choosing the number of primes as well gives steps finer than two.
 */
#include "multiply.h"

#include "cli.h"
#include "team.h"
#include "transform.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef NTT_HAVE_VECTORS

enum {
    MIN_PRIMES = 3,
    MAX_PRIMES = 6,
    MAX_LIMBS = 5,      /* six primes of 50 bits */
    CHUNK_BITS = 48,    /* of a piece, converted at once: exact in a double */
    SMALL_LIMBS = 1500, /* below, GMP is as fast */
    MAX_RANGES = 64,
    SEAM_BEFORE = 8, /* more than the limbs of a shifted coefficient */
    SEAM_LIMBS = 2 * SEAM_BEFORE
};

#define ALWAYS inline __attribute__((always_inline))

__extension__ typedef unsigned __int128 wide;

/* Millions of products make one result: there is no way to go on, and nobody to tell but the user.
 */
static _Noreturn void give_up(const char *why)
{
    cli_error("pidigits", "%s", why);
    exit(CLI_FAILURE);
}

static field fields[MAX_PRIMES] = {
    {.n = 1125845146009601u, .generator = 3}, {.n = 1125844072267777u, .generator = 5},
    {.n = 1125825818656769u, .generator = 3}, {.n = 1125818302464001u, .generator = 7},
    {.n = 1125816154980353u, .generator = 3}, {.n = 1125809712529409u, .generator = 3},
};
static int ready; /* the tables are made and the processor can use them */

typedef struct plan {
    int primes, threads;
    unsigned piece; /* bits */
    size_t length;  /* coefficients, a power of two */
} plan;

typedef struct job {
    plan plan;
    const mp_limb_t *a, *b;
    size_t an, bn;            /* limbs */
    size_t used;              /* coefficients of the product that may differ from zero */
    double *r[MAX_PRIMES];    /* residues, `length` each */
    uint64_t crt[MAX_PRIMES]; /* inverse of the other primes' product, modulo each */
    mp_limb_t others[MAX_PRIMES][MAX_LIMBS]; /* product of the other primes */
    mp_limb_t modulus[MAX_LIMBS];
    mp_limb_t *z;
    size_t zn;
    size_t per_range; /* coefficients in one range: a multiple of 64, so ranges start on a limb */
    int ranges;
    size_t border[MAX_RANGES];              /* the limb of z where a range ends */
    mp_limb_t seam[MAX_RANGES][SEAM_LIMBS]; /* limbs border - SEAM_BEFORE and up */
} job;

static unsigned log2_of(size_t n)
{
    return 63u - (unsigned)__builtin_clzll((unsigned long long)n);
}

/* Each coefficient is a sum of up to `length` products; it must stay below 3/4 of the modulus. */
static unsigned piece_bits(int primes, size_t length)
{
    unsigned bits = (50u * (unsigned)primes - 2u - log2_of(length)) / 2u;
    return bits < 3 * CHUNK_BITS ? bits : 3 * CHUNK_BITS;
}

static size_t pieces_of(size_t limbs, unsigned piece)
{
    return (limbs * 64 + piece - 1) / piece;
}

/* The cheapest plan by a simple model: work grows with length times the rounds of primes per
 * thread. */
static plan choose_plan(size_t an, size_t bn, int threads)
{
    plan best = {.primes = 0};
    double best_cost = 0;
    for (int primes = MIN_PRIMES; primes <= MAX_PRIMES; primes++) {
        size_t length = 64;
        while (pieces_of(an, piece_bits(primes, length)) +
                   pieces_of(bn, piece_bits(primes, length)) >
               length) {
            length *= 2;
        }
        int rounds = (primes + threads - 1) / threads;
        double cost = (double)length * (rounds + 0.1 * primes) * (8 + log2_of(length));
        if (best.primes == 0 || cost < best_cost) {
            best = (plan){.primes = primes,
                          .threads = threads,
                          .piece = piece_bits(primes, length),
                          .length = length};
            best_cost = cost;
        }
    }
    return best;
}

/* Bits position .. position + 47 of a number of n limbs (little-endian, as vectors are); zeros
 * beyond it. */
static inline uint64_t bits_at(const mp_limb_t *a, size_t n, size_t position)
{
    uint64_t bits = 0;
    size_t byte = position / 8, end = n * sizeof *a;
    if (byte + sizeof bits <= end) {
        memcpy(&bits, (const char *)a + byte, sizeof bits);
    } else if (byte < end) {
        memcpy(&bits, (const char *)a + byte, end - byte);
    }
    return (bits >> position % 8) & (((uint64_t)1 << CHUNK_BITS) - 1);
}

/* The pieces of a, modulo one prime, as doubles. */
static FAST void cut(const field *f, const plan *pl, const mp_limb_t *a, size_t an, double *out)
{
    size_t count = pieces_of(an, pl->piece);
    int chunks = (int)((pl->piece + CHUNK_BITS - 1) / CHUNK_BITS);
    unsigned last_bits = pl->piece - (unsigned)(chunks - 1) * CHUNK_BITS;
    uint64_t last = ((uint64_t)1 << last_bits) - 1;
    double shift = field_centred(((uint64_t)1 << CHUNK_BITS) % f->n, f->n);
    vec p = vec_set(f->p), s = vec_set(shift), sp = vec_set(shift * f->pinv);
    for (size_t i = 0; i < count; i += 4) {
        vec sum = vec_set(0);
        for (int c = chunks; c-- > 0;) {
            double v[4];
            uint64_t mask = c == chunks - 1 ? last : UINT64_MAX;
            for (size_t k = 0; k < 4; k++) {
                size_t position = (i + k) * pl->piece + (size_t)c * CHUNK_BITS;
                v[k] = (double)(int64_t)(bits_at(a, an, position) & mask);
            }
            sum = vec_add(field_mul(sum, s, sp, p), _mm256_loadu_pd(v));
        }
        _mm256_storeu_pd(out + i, sum);
    }
    size_t done = (count + 3) & ~(size_t)3;
    memset(out + done, 0, (pl->length - done) * sizeof *out);
}

static void *must_alloc(size_t size)
{
    void *p = aligned_alloc(64, (size + 63) & ~(size_t)63);
    if (p == NULL) {
        give_up("out of memory");
    }
    return p;
}

/* Residues of the product modulo prime i, times the factor that the remainder theorem wants. */
static void one_prime(void *arg, int i)
{
    job *w = arg;
    const field *f = &fields[i];
    size_t vectors = w->plan.length / 4;
    uint64_t scale = field_pow_int(vectors, f->n - 2, f->n);
    w->r[i] = must_alloc(w->plan.length * sizeof(double));
    cut(f, &w->plan, w->a, w->an, w->r[i]);
    transform_forward(f, w->r[i], vectors);
    if (w->a == w->b && w->an == w->bn) {
        transform_times(f, w->r[i], w->r[i], vectors, field_mul_int(scale, w->crt[i], f->n));
    } else {
        double *y = must_alloc(w->plan.length * sizeof(double));
        cut(f, &w->plan, w->b, w->bn, y);
        transform_forward(f, y, vectors);
        transform_times(f, w->r[i], y, vectors, field_mul_int(scale, w->crt[i], f->n));
        free(y);
    }
    transform_back(f, w->r[i], vectors);
}

/* c times v added to x: n limbs, which suffice for the sum. */
static ALWAYS void add_times(mp_limb_t *x, const mp_limb_t *v, int n, mp_limb_t c)
{
    mp_limb_t carry = 0;
#pragma GCC unroll 8
    for (int i = 0; i < n; i++) {
        wide t = (wide)v[i] * c + x[i] + carry;
        x[i] = (mp_limb_t)t;
        carry = (mp_limb_t)(t >> 64);
    }
}

static ALWAYS void subtract_times(mp_limb_t *x, const mp_limb_t *v, int n, mp_limb_t c)
{
    mp_limb_t borrow = 0;
#pragma GCC unroll 8
    for (int i = 0; i < n; i++) {
        wide t = (wide)v[i] * c + borrow;
        mp_limb_t low = (mp_limb_t)t;
        borrow = (mp_limb_t)(t >> 64) + (x[i] < low);
        x[i] -= low;
    }
}

/* x << shift added at z, n + 1 limbs; whatever lies behind is still zero, so the carry ends there.
 */
static ALWAYS void add_shifted(mp_limb_t *z, const mp_limb_t *x, int n, unsigned shift)
{
    mp_limb_t carry = 0, below = 0;
#pragma GCC unroll 8
    for (int i = 0; i <= n; i++) {
        mp_limb_t limb = i < n ? x[i] : 0;
        wide t = (wide)z[i] + (mp_limb_t)((((wide)limb << 64) | below) >> (64 - shift)) + carry;
        z[i] = (mp_limb_t)t;
        carry = (mp_limb_t)(t >> 64);
        below = limb;
    }
}

/*
 * Four coefficients' residues as integers, [prime][coefficient]; and how many moduli too much the
 * sum of residue times `others` over the primes will be: the integer part of the sum of residue /
 * prime, since a coefficient is below 3/4 of the modulus.
 */
static inline FAST void whole_residues(const job *w, size_t j, int primes,
                                       uint64_t r[MAX_PRIMES][4], uint64_t excess[4])
{
    const vec magic = vec_set(0x1p52);
    const __m256i mantissa = _mm256_set1_epi64x(((int64_t)1 << 52) - 1);
    vec sum = vec_set(0.125);
    for (int i = 0; i < primes; i++) {
        vec p = vec_set(fields[i].p), pinv = vec_set(fields[i].pinv);
        vec x = field_reduce(_mm256_loadu_pd(w->r[i] + j), p, pinv);
        x = vec_add(x, _mm256_and_pd(_mm256_cmp_pd(x, vec_set(0), _CMP_LT_OQ), p));
        sum = _mm256_fmadd_pd(x, pinv, sum);
        __m256i bits = _mm256_castpd_si256(vec_add(x, magic));
        _mm256_storeu_si256((__m256i *)r[i], _mm256_and_si256(bits, mantissa));
    }
    sum = vec_add(_mm256_floor_pd(sum), magic);
    _mm256_storeu_si256((__m256i *)excess, _mm256_and_si256(_mm256_castpd_si256(sum), mantissa));
}

/*
 * A range's coefficients, added up into its own limbs of z.  The last few, which reach behind the
 * range's end, go to the range's seam, a window over the border, and are added when all is done.
 */
static ALWAYS FAST void add_up(job *w, int range, int primes, int n)
{
    size_t first = (size_t)range * w->per_range;
    size_t end = first + w->per_range < w->used ? first + w->per_range : w->used;
    size_t border = range + 1 < w->ranges ? end * w->plan.piece / 64 : w->zn;
    uint64_t r[MAX_PRIMES][4], excess[4];
    for (size_t j = first; j < end; j++) {
        mp_limb_t x[MAX_LIMBS] = {0};
        size_t bit = j * w->plan.piece;
        size_t at = bit / 64;
        mp_limb_t *to = w->z + at;
        if (at + (size_t)n + 1 > border) {
            to = w->seam[range] + (at + SEAM_BEFORE - border);
        }
        if (j % 4 == 0) {
            whole_residues(w, j, primes, r, excess);
        }
#pragma GCC unroll 8
        for (int i = 0; i < primes; i++) {
            add_times(x, w->others[i], n, r[i][j % 4]);
        }
        subtract_times(x, w->modulus, n, excess[j % 4]);
        add_shifted(to, x, n, bit % 64);
    }
    w->border[range] = border;
}

static FAST void one_range(void *arg, int range)
{
    job *w = arg;
    switch (w->plan.primes) {
    case 3:
        add_up(w, range, 3, 3);
        break;
    case 4:
        add_up(w, range, 4, 4);
        break;
    case 5:
        add_up(w, range, 5, 4);
        break;
    default:
        add_up(w, range, 6, 5);
        break;
    }
}

/* The product's coefficients into limbs. */
static void assemble(job *w)
{
    int wanted = w->plan.threads > 1 ? 4 * w->plan.threads : 1;
    w->ranges = wanted < MAX_RANGES ? wanted : MAX_RANGES;
    w->per_range = (w->used / (size_t)w->ranges + 64) & ~(size_t)63;
    w->ranges = (int)((w->used + w->per_range - 1) / w->per_range);
    memset(w->z, 0, w->zn * sizeof *w->z);
    team_run(w->plan.threads, w->ranges, one_range, w);
    for (int i = 0; i < w->ranges; i++) {
        size_t from = w->border[i] - SEAM_BEFORE;
        size_t n = w->zn - from < SEAM_LIMBS ? w->zn - from : SEAM_LIMBS;
        mpn_add(w->z + from, w->z + from, (mp_size_t)(w->zn - from), w->seam[i], (mp_size_t)n);
    }
}

/* The remainder theorem's constants: products of primes, and their inverses. */
static void make_constants(job *w)
{
    mpz_t modulus, other;
    mpz_init_set_ui(modulus, 1);
    mpz_init(other);
    for (int i = 0; i < w->plan.primes; i++) {
        mpz_mul_ui(modulus, modulus, fields[i].n);
    }
    memcpy(w->modulus, mpz_limbs_read(modulus), mpz_size(modulus) * sizeof(mp_limb_t));
    for (int i = 0; i < w->plan.primes; i++) {
        mpz_divexact_ui(other, modulus, fields[i].n);
        memcpy(w->others[i], mpz_limbs_read(other), mpz_size(other) * sizeof(mp_limb_t));
        w->crt[i] = field_pow_int(mpz_fdiv_ui(other, fields[i].n), fields[i].n - 2, fields[i].n);
    }
    mpz_clear(modulus);
    mpz_clear(other);
}

static void by_transforms(mp_limb_t *z, const mpz_t a, const mpz_t b, int threads)
{
    job w = {.a = mpz_limbs_read(a), .b = mpz_limbs_read(b), .an = mpz_size(a), .bn = mpz_size(b)};
    w.plan = choose_plan(w.an, w.bn, threads);
    w.used = pieces_of(w.an, w.plan.piece) + pieces_of(w.bn, w.plan.piece) - 1;
    w.z = z;
    w.zn = w.an + w.bn;
    make_constants(&w);
    team_run(threads, w.plan.primes, one_prime, &w);
    assemble(&w);
    for (int i = 0; i < w.plan.primes; i++) {
        free(w.r[i]);
    }
}

/* Every product is checked modulo a prime that is none of the transforms'. */
static const mp_limb_t CHECK_PRIME = 2305843009213693951u; /* 2^61 - 1 */

static mp_limb_t check_residue(const mpz_t a, const mpz_t b)
{
    mp_limb_t x = mpn_mod_1(mpz_limbs_read(a), (mp_size_t)mpz_size(a), CHECK_PRIME);
    mp_limb_t y = mpn_mod_1(mpz_limbs_read(b), (mp_size_t)mpz_size(b), CHECK_PRIME);
    return (mp_limb_t)((wide)x * y % CHECK_PRIME);
}

void multiply(mpz_t z, const mpz_t a, const mpz_t b, int threads)
{
    size_t an = mpz_size(a), bn = mpz_size(b);
    if (!ready || an < SMALL_LIMBS || bn < SMALL_LIMBS) {
        mpz_mul(z, a, b);
        return;
    }
    mpz_t product;
    mpz_init(product);
    mp_limb_t residue = check_residue(a, b);
    int negative = mpz_sgn(a) * mpz_sgn(b) < 0;
    mp_limb_t *limbs = mpz_limbs_write(product, (mp_size_t)(an + bn));
    by_transforms(limbs, a, b, threads);
    mp_size_t n = (mp_size_t)(an + bn);
    mpz_limbs_finish(product, negative ? -n : n);
    if (mpn_mod_1(mpz_limbs_read(product), (mp_size_t)mpz_size(product), CHECK_PRIME) != residue) {
        give_up("a product is wrong: the processor or the memory of this machine may be faulty");
    }
    mpz_swap(z, product);
    mpz_clear(product);
}

static int have_vectors(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

/* The table of a prime is sized for a product made with that many primes: fewer primes, longer
 * transforms. */
int multiply_prepare(size_t bits)
{
    if (!have_vectors()) {
        return 0;
    }
    for (int i = 0; i < MAX_PRIMES; i++) {
        field *f = &fields[i];
        size_t length = 64;
        while (
            pieces_of(bits / 64 + 2, piece_bits(i + 1 < MIN_PRIMES ? MIN_PRIMES : i + 1, length)) +
                2 >
            length) {
            length *= 2;
        }
        f->p = (double)f->n;
        f->pinv = 1 / f->p;
        if (transform_roots(f, length / 4) != 0) {
            return -1;
        }
    }
    ready = 1;
    return 0;
}

void multiply_release(void)
{
    for (int i = 0; i < MAX_PRIMES; i++) {
        free(fields[i].w);
        fields[i].w = NULL;
        fields[i].w_size = 0;
    }
    ready = 0;
}

const char *multiply_name(void)
{
    return have_vectors() ? "transforms over 50-bit primes" : "GMP";
}

#else

int multiply_prepare(size_t bits)
{
    (void)bits;
    return 0;
}

void multiply_release(void)
{
}

const char *multiply_name(void)
{
    return "GMP";
}

void multiply(mpz_t z, const mpz_t a, const mpz_t b, int threads)
{
    (void)threads;
    mpz_mul(z, a, b);
}

#endif
