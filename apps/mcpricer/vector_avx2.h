/* vector_avx2 - vectors of four doubles, AVX2 and FMA; empty without them: see vector.h. */
#ifndef MCPRICER_VECTOR_AVX2_H
#define MCPRICER_VECTOR_AVX2_H
#ifdef __AVX2__

#include <immintrin.h>
#include <stdint.h>

#define LANES 4
typedef __m256d vector;
typedef __m256i bits;

/* clang-format off */
static inline vector v_all(double x) { return _mm256_set1_pd(x); }
static inline vector v_load(const double *p) { return _mm256_load_pd(p); }
static inline void v_store(double *p, vector x) { _mm256_store_pd(p, x); }
static inline vector v_add(vector a, vector b) { return _mm256_add_pd(a, b); }
static inline vector v_sub(vector a, vector b) { return _mm256_sub_pd(a, b); }
static inline vector v_mul(vector a, vector b) { return _mm256_mul_pd(a, b); }
static inline vector v_max(vector a, vector b) { return _mm256_max_pd(a, b); }
static inline vector v_sqrt(vector x) { return _mm256_sqrt_pd(x); }
static inline vector v_fma(vector a, vector b, vector c) { return _mm256_fmadd_pd(a, b, c); }
static inline vector v_fnma(vector a, vector b, vector c) { return _mm256_fnmadd_pd(a, b, c); }
static inline vector v_of(bits b) { return _mm256_castsi256_pd(b); }
static inline bits b_of(vector x) { return _mm256_castpd_si256(x); }
static inline vector v_flip(vector x, bits b, bits m) { return _mm256_xor_pd(x, v_of(_mm256_and_si256(b, m))); }
static inline bits b_all(uint64_t b) { return _mm256_set1_epi64x((long long)b); }
static inline bits b_right(bits b, int n) { return _mm256_srli_epi64(b, n); }
static inline bits b_double(bits b) { return _mm256_add_epi64(b, b); }
static inline bits b_pairs(const uint32_t *p) { return _mm256_load_si256((const __m256i *)(const void *)p); }
static inline bits b_and_or(bits a, bits m, bits o) { return _mm256_or_si256(_mm256_and_si256(a, m), o); }
/* clang-format on */

static inline vector v_exponent(vector x)
{
    bits biased = _mm256_or_si256(_mm256_srli_epi64(b_of(x), 52), b_all(0x4330000000000000));
    return v_sub(v_of(biased), v_all(4503599627370496.0 + 1023));
}

static inline vector v_mantissa(vector x)
{
    return v_of(b_and_or(b_of(x), b_all(0x000fffffffffffff), b_all(0x3ff0000000000000)));
}

/* A gather waits for what was in its register before.  Zeros to merge with break that chain, if the
 * compiler does not see that the mask leaves nothing of them. */
static inline vector v_look(const double table[16], vector x)
{
    bits place = _mm256_and_si256(_mm256_srli_epi64(b_of(x), 48), b_all(15));
    vector mask = v_of(b_all(UINT64_MAX));
    __asm__("" : "+x"(mask));
    return _mm256_mask_i64gather_pd(v_all(0), table, place, mask, 8);
}

#endif
#endif
