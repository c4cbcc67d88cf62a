/*
 * The prime fields of the number-theoretic transform, in double-precision vectors.
 *
 * An element is a double that holds an integer, any representative of its class of magnitude below
 * 2^53.  field_mul gives a representative within about 1.4 p for factors within 4.6 p and p / 2;
 * field_reduce brings one back within p / 2.  The primes lie just below 2^50.
 *
 * A product a * s is computed exactly as h + l by a fused multiply-add (h = a * s rounded, l = the
 * rest), and q * p is taken off for q near a * s / p: then h - q * p is exact, and so is the sum.
 */
#ifndef PIDIGITS_FIELD_H
#define PIDIGITS_FIELD_H

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define NTT_HAVE_VECTORS 1
#include <immintrin.h>

#define FAST __attribute__((target("avx2,fma")))

typedef __m256d vec;

typedef struct field {
    uint64_t n;         /* the prime */
    uint64_t generator; /* of the multiplicative group's 2-part */
    double p, pinv;
    double *w;     /* w[j] = e(phi_j): see transform.c */
    size_t w_size; /* entries in w */
} field;

static inline FAST vec vec_set(double x)
{
    return _mm256_set1_pd(x);
}

static inline FAST vec vec_round(vec a)
{
    return _mm256_round_pd(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

static inline FAST vec vec_add(vec a, vec b)
{
    return _mm256_add_pd(a, b);
}

static inline FAST vec vec_sub(vec a, vec b)
{
    return _mm256_sub_pd(a, b);
}

/* a * s mod p, where sp = s / p. */
static inline FAST vec field_mul(vec a, vec s, vec sp, vec p)
{
    vec h = _mm256_mul_pd(a, s);
    vec q = vec_round(_mm256_mul_pd(a, sp));
    vec l = _mm256_fmsub_pd(a, s, h);
    return vec_add(_mm256_fnmadd_pd(q, p, h), l);
}

/* a * b mod p for two variable factors within p / 2 and a few p. */
static inline FAST vec field_mul2(vec a, vec b, vec p, vec pinv)
{
    vec h = _mm256_mul_pd(a, b);
    vec q = vec_round(_mm256_mul_pd(h, pinv));
    vec l = _mm256_fmsub_pd(a, b, h);
    return vec_add(_mm256_fnmadd_pd(q, p, h), l);
}

static inline FAST vec field_reduce(vec a, vec p, vec pinv)
{
    return _mm256_fnmadd_pd(vec_round(_mm256_mul_pd(a, pinv)), p, a);
}

static inline uint64_t field_mul_int(uint64_t a, uint64_t b, uint64_t n)
{
    __extension__ typedef unsigned __int128 wide;
    return (uint64_t)((wide)a * b % n);
}

static inline uint64_t field_pow_int(uint64_t a, uint64_t e, uint64_t n)
{
    uint64_t r = 1;
    for (; e != 0; e >>= 1) {
        if (e & 1) {
            r = field_mul_int(r, a, n);
        }
        a = field_mul_int(a, a, n);
    }
    return r;
}

/* The representative nearest to zero. */
static inline double field_centred(uint64_t a, uint64_t n)
{
    return a > n / 2 ? -(double)(n - a) : (double)a;
}

#endif
#endif
