/* philox_avx2 - eight blocks at a time with AVX2; empty on other machines.  The notes are in
 * philox_avx512.c.  SPDX-License-Identifier: BSD-3-Clause */
#ifdef __AVX2__

#include "philox.h"

#include <immintrin.h>

enum { SETS = 2, GROUP = 4 * SETS };

static int supported(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

struct set {
    __m256i c[4];
};

static inline __m256i xor3(__m256i a, __m256i b, __m256i c)
{
    return _mm256_xor_si256(_mm256_xor_si256(b, c), a);
}

static inline void turn(struct set *s, __m256i k0, __m256i k1)
{
    const __m256i m0 = _mm256_set1_epi64x(NV_PHILOX_M0), m1 = _mm256_set1_epi64x(NV_PHILOX_M1);
    __m256i p0 = _mm256_mul_epu32(m0, s->c[0]), p1 = _mm256_mul_epu32(m1, s->c[2]);
    s->c[0] = xor3(_mm256_srli_epi64(p1, 32), s->c[1], k0);
    s->c[1] = p1;
    s->c[2] = xor3(_mm256_srli_epi64(p0, 32), s->c[3], k1);
    s->c[3] = p0;
}

static inline __m256i join(__m256i low, __m256i high)
{
    return _mm256_blend_epi32(low, _mm256_slli_epi64(high, 32), 0xAA);
}

static inline void store(const struct set *s, uint32_t *words)
{
    __m256i front = join(s->c[0], s->c[1]), back = join(s->c[2], s->c[3]);
    _mm256_storeu_si256((__m256i *)(void *)words, _mm256_unpacklo_epi64(front, back));
    _mm256_storeu_si256((__m256i *)(void *)(words + 8), _mm256_unpackhi_epi64(front, back));
}

static inline void begin(struct set *s, uint64_t block, uint64_t stream)
{
    const __m256i order = _mm256_setr_epi64x(0, 2, 1, 3);
    s->c[0] = _mm256_add_epi64(_mm256_set1_epi64x((long long)block), order);
    s->c[1] = _mm256_srli_epi64(s->c[0], 32);
    s->c[2] = _mm256_set1_epi64x((long long)(stream & UINT32_MAX));
    s->c[3] = _mm256_set1_epi64x((long long)(stream >> 32));
}

static void blocks(uint64_t seed, uint64_t stream, uint64_t first, uint32_t *words, size_t n)
{
    __m256i keys[2][NV_PHILOX_ROUNDS];
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    size_t i = 0;
    for (int round = 0; round < NV_PHILOX_ROUNDS; round++) {
        keys[0][round] = _mm256_set1_epi64x(k0);
        keys[1][round] = _mm256_set1_epi64x(k1);
        k0 += NV_PHILOX_W0;
        k1 += NV_PHILOX_W1;
    }
    for (; i + GROUP <= n; i += GROUP) {
        struct set a, b;
        begin(&a, first + i, stream);
        begin(&b, first + i + 4, stream);
        for (int round = 0; round < NV_PHILOX_ROUNDS; round++) {
            turn(&a, keys[0][round], keys[1][round]);
            turn(&b, keys[0][round], keys[1][round]);
        }
        store(&a, words + 4 * i);
        store(&b, words + 4 * i + 16);
    }
    if (i < n)
        nv_philox_plain.blocks(seed, stream, first + i, words + 4 * i, n - i);
}

const struct nv_philox_path nv_philox_avx2 = {"avx2", supported, blocks};

#else
typedef int nv_no_philox_avx2;
#endif
