/*
 * Design notes
 *
 *   pi = 2^-6 sum_n (-1)^n 2^(-10n) (- 2^5/(4n+1) - 1/(4n+3) + 2^8/(10n+1) - 2^6/(10n+3)
 *                                    - 2^2/(10n+5) - 2^2/(10n+7) + 1/(10n+9))
 *
 * Times 2^position, a term is 2^e / m with e falling by 10 a step; while e >= 0 its fractional part
 * is (2^e mod m) / m, by repeated squaring.  Terms are independent: 32 neighbours go together in
 * eight vectors, enough chains of dependent operations to keep the processor's units busy.  A term
 * is rounded to 2^-54 and so is each addition: hence the error.
 */
#include "bbp.h"

#include "numbers.h"

#include <math.h>
#include <pthread.h>
#include <stdint.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define HAVE_VECTORS 1
#include <immintrin.h>

#define FAST __attribute__((target("avx2,fma")))

typedef __m256d vec;

static FAST inline vec nearest(vec a)
{
    return _mm256_round_pd(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
#endif

enum { SERIES = 7, STRIPES = 128, TAIL_TERMS = 8, VECTORS = 8, LANES = 4 * VECTORS };

typedef struct series {
    unsigned a, b; /* the denominators a n + b */
    int shift;     /* 2^shift before them */
    double sign;
} series;

static const series all[SERIES] = {{4, 1, 5, -1},  {4, 3, 0, -1},  {10, 1, 8, 1}, {10, 3, 6, -1},
                                   {10, 5, 2, -1}, {10, 7, 2, -1}, {10, 9, 0, 1}};

typedef struct search {
    size_t position;
    int vectors; /* the processor has them */
    double sum;
    pthread_mutex_t lock;
    progress *progress;
} search;

static double fraction(double x)
{
    return x - floor(x);
}

static double term(const series *s, uint64_t n, int64_t e)
{
    uint64_t m = s->a * n + s->b;
    double sign = n % 2 == 0 ? s->sign : -s->sign;
    return sign * (e < 0 ? ldexp(1 / (double)m, (int)e) : (double)n_powmod2(2, e, m) / (double)m);
}

#ifdef HAVE_VECTORS
/* a^2 mod m, or a value next to it and congruent to it: h + l is the square exactly, and what is
 * taken off leaves integers below 2^53 all along. */
static FAST inline vec square(vec a, vec m, vec minv)
{
    vec h = _mm256_mul_pd(a, a);
    vec q = nearest(_mm256_mul_pd(h, minv));
    vec l = _mm256_fmsub_pd(a, a, h);
    return _mm256_add_pd(_mm256_fnmadd_pd(q, m, h), l);
}

/* The sum of (-1)^n (2^e mod m) / m over LANES terms from an even n on, e the first one's exponent.
 */
static FAST double block(const series *s, uint64_t n, uint64_t e)
{
    vec m[VECTORS], minv[VECTORS], r[VECTORS];
    __m256i bits[VECTORS];
    int top = 63 - __builtin_clzll((unsigned long long)e | 1);
    for (int i = 0; i < VECTORS; i++) {
        double first = (double)(s->a * (n + 4 * (unsigned)i) + s->b);
        int64_t at = (int64_t)(e - 40 * (unsigned)i);
        m[i] = _mm256_setr_pd(first, first + s->a, first + 2 * s->a, first + 3 * s->a);
        minv[i] = _mm256_div_pd(_mm256_set1_pd(1), m[i]);
        r[i] = _mm256_set1_pd(1);
        bits[i] = _mm256_slli_epi64(_mm256_setr_epi64x(at, at - 10, at - 20, at - 30), 63 - top);
    }
    for (int k = top; k >= 0; k--) {
        for (int i = 0; i < VECTORS; i++) {
            vec once = square(r[i], m[i], minv[i]);
            vec more = _mm256_blendv_pd(_mm256_setzero_pd(), once, _mm256_castsi256_pd(bits[i]));
            r[i] = _mm256_add_pd(once, more);
            bits[i] = _mm256_slli_epi64(bits[i], 1);
        }
    }
    vec sum = _mm256_setzero_pd();
    vec sign = _mm256_setr_pd(1, -1, 1, -1);
    for (int i = 0; i < VECTORS; i++) {
        vec q = nearest(_mm256_mul_pd(r[i], minv[i]));
        vec part = _mm256_div_pd(_mm256_fnmadd_pd(q, m[i], r[i]), m[i]);
        sum = _mm256_fmadd_pd(part, sign, sum);
    }
    double v[4];
    _mm256_storeu_pd(v, sum);
    return s->sign * (v[0] + v[1] + v[2] + v[3]);
}
#endif

/* Terms first .. end - 1 of one series, all with e >= 0; first is even. */
static double stretch(const search *w, const series *s, uint64_t first, uint64_t end, int64_t e0)
{
    double sum = 0;
    uint64_t n = first;
#ifdef HAVE_VECTORS
    for (; w->vectors && n + LANES <= end; n += LANES) {
        sum += block(s, n, (uint64_t)(e0 - 10 * (int64_t)n));
        sum -= floor(sum);
    }
#else
    (void)w;
#endif
    for (; n < end; n++) {
        sum = fraction(sum + term(s, n, e0 - 10 * (int64_t)n));
    }
    return sum;
}

static void one_stripe(slong stripe, void *arg)
{
    search *w = arg;
    double sum = 0;
    for (int i = 0; i < SERIES; i++) {
        int64_t e0 = (int64_t)w->position - 6 + all[i].shift;
        uint64_t terms = e0 < 0 ? 0 : (uint64_t)e0 / 10 + 1;
        uint64_t per = (terms / STRIPES + 2) & ~(uint64_t)1;
        uint64_t first = per * (uint64_t)stripe;
        uint64_t end = first + per < terms ? first + per : terms;
        sum += first < end ? stretch(w, &all[i], first, end, e0) : 0;
        for (uint64_t n = terms; stripe == 0 && n < terms + TAIL_TERMS; n++) {
            sum += term(&all[i], n, e0 - 10 * (int64_t)n);
        }
    }
    pthread_mutex_lock(&w->lock);
    w->sum = fraction(w->sum + sum);
    pthread_mutex_unlock(&w->lock);
    progress_add(w->progress, 1000 / STRIPES);
}

static int have_vectors(void)
{
#ifdef HAVE_VECTORS
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return 0;
#endif
}

size_t bbp_reach(void)
{
    return have_vectors() ? (size_t)1 << 40 : 20000000;
}

double bbp_fraction(size_t position, double *error, progress *p)
{
    search w = {.position = position, .vectors = have_vectors(), .progress = p};
    pthread_mutex_init(&w.lock, NULL);
    numbers_each(one_stripe, &w, STRIPES);
    pthread_mutex_destroy(&w.lock);
    *error = (0.7 * (double)position + 10000) * 0x1p-52;
    return w.sum;
}
