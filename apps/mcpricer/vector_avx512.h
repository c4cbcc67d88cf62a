/* vector_avx512 - vectors of eight doubles, AVX-512; empty without it: see vector.h. */
#ifndef MCPRICER_VECTOR_AVX512_H
#define MCPRICER_VECTOR_AVX512_H
#ifdef __AVX512F__

#include <immintrin.h>
#include <stdint.h>

#define LANES 8
typedef __m512d vector;
typedef __m512i bits;

/* clang-format off */
static inline vector v_all(double x) { return _mm512_set1_pd(x); }
static inline vector v_load(const double *p) { return _mm512_load_pd(p); }
static inline void v_store(double *p, vector x) { _mm512_store_pd(p, x); }
static inline vector v_add(vector a, vector b) { return _mm512_add_pd(a, b); }
static inline vector v_sub(vector a, vector b) { return _mm512_sub_pd(a, b); }
static inline vector v_mul(vector a, vector b) { return _mm512_mul_pd(a, b); }
static inline vector v_max(vector a, vector b) { return _mm512_max_pd(a, b); }
static inline vector v_sqrt(vector x) { return _mm512_sqrt_pd(x); }
static inline vector v_fma(vector a, vector b, vector c) { return _mm512_fmadd_pd(a, b, c); }
static inline vector v_fnma(vector a, vector b, vector c) { return _mm512_fnmadd_pd(a, b, c); }
static inline vector v_of(bits b) { return _mm512_castsi512_pd(b); }
static inline vector v_flip(vector x, bits b, bits m) { return v_of(_mm512_ternarylogic_epi64(_mm512_castpd_si512(x), b, m, 0x78)); }
static inline bits b_all(uint64_t b) { return _mm512_set1_epi64((long long)b); }
static inline bits b_right(bits b, unsigned n) { return _mm512_srli_epi64(b, n); }
static inline bits b_double(bits b) { return _mm512_add_epi64(b, b); }
static inline bits b_pairs(const uint32_t *p) { return _mm512_load_si512(p); }
static inline bits b_and_or(bits a, bits m, bits o) { return _mm512_ternarylogic_epi64(a, m, o, 0xEA); }
static inline vector v_exponent(vector x) { return _mm512_getexp_pd(x); }
static inline vector v_mantissa(vector x) { return _mm512_getmant_pd(x, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_zero); }
/* clang-format on */

/* The instruction minds the lower four bits of an index only. */
static inline vector v_look(const double table[16], vector x)
{
    return _mm512_permutex2var_pd(_mm512_load_pd(table),
                                  _mm512_srli_epi64(_mm512_castpd_si512(x), 48),
                                  _mm512_load_pd(table + 8));
}

#endif
#endif
