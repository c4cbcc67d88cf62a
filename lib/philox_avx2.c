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

static inline __m256i all(uint64_t x)
{
    return _mm256_set1_epi64x((long long)x);
}

static inline __m256i high(__m256i product)
{
    return _mm256_srli_epi64(product, 32);
}

static inline __m256i xor3(__m256i a, __m256i b, __m256i c)
{
    return _mm256_xor_si256(_mm256_xor_si256(b, c), a);
}

static inline void turn(struct set *s, __m256i k0, __m256i k1)
{
    __m256i p0 = _mm256_mul_epu32(all(NV_PHILOX_M0), s->c[0]),
            p1 = _mm256_mul_epu32(all(NV_PHILOX_M1), s->c[2]);
    s->c[0] = xor3(high(p1), s->c[1], k0);
    s->c[1] = p1;
    s->c[2] = xor3(high(p0), s->c[3], k1);
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

/* What is the same in all blocks.  Words 1 to 3 of the counters are, so that half of the first two
 * rounds is done once, with numbers. */
struct same {
    __m256i k0[NV_PHILOX_ROUNDS], k1[NV_PHILOX_ROUNDS];
    __m256i first2;               /* goes into word 2 in the first round */
    __m256i second0, second2, c3; /* into words 0 and 2 in the second; word 3 after it */
};

static void prepare(struct same *same, uint64_t seed, uint64_t stream, uint64_t block)
{
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    uint64_t p = (uint64_t)NV_PHILOX_M1 * (uint32_t)stream;
    uint64_t q = (uint64_t)NV_PHILOX_M0 * ((uint32_t)(p >> 32) ^ (uint32_t)(block >> 32) ^ k0);
    same->first2 = all((uint32_t)(stream >> 32) ^ k1);
    same->second0 = all((uint32_t)p ^ (k0 + NV_PHILOX_W0));
    same->second2 = all((uint32_t)(q >> 32) ^ (k1 + NV_PHILOX_W1));
    same->c3 = all((uint32_t)q);
    for (uint32_t round = 0; round < NV_PHILOX_ROUNDS; round++) {
        same->k0[round] = all(k0 + round * NV_PHILOX_W0);
        same->k1[round] = all(k1 + round * NV_PHILOX_W1);
    }
}

/* The first two rounds. */
static inline void begin(struct set *s, uint64_t block, const struct same *same)
{
    const __m256i order = _mm256_setr_epi64x(0, 2, 1, 3);
    __m256i p = _mm256_mul_epu32(all(NV_PHILOX_M0), _mm256_add_epi64(all(block), order));
    __m256i q = _mm256_mul_epu32(all(NV_PHILOX_M1), _mm256_xor_si256(high(p), same->first2));
    s->c[0] = _mm256_xor_si256(high(q), same->second0);
    s->c[1] = q;
    s->c[2] = _mm256_xor_si256(p, same->second2);
    s->c[3] = same->c3;
}

/* Written out: the keys are at fixed places, and the two chains overlap. */
#define BOTH(round)                                                                                \
    turn(&a, same->k0[round], same->k1[round]);                                                    \
    turn(&b, same->k0[round], same->k1[round]);

static inline void group(uint64_t block, const struct same *same, uint32_t *words)
{
    struct set a, b;
    begin(&a, block, same);
    begin(&b, block + 4, same);
    BOTH(2) BOTH(3) BOTH(4) BOTH(5) BOTH(6) BOTH(7) BOTH(8) BOTH(9) store(&a, words);
    store(&b, words + 16);
}

static void blocks(uint64_t seed, uint64_t stream, uint64_t first, uint32_t *words, size_t n)
{
    struct same same;
    size_t i = 0;
    if (first >> 32 == (first + n) >> 32) {
        prepare(&same, seed, stream, first);
        for (; i + GROUP <= n; i += GROUP)
            group(first + i, &same, words + 4 * i);
    }
    if (i < n)
        nv_philox_plain.blocks(seed, stream, first + i, words + 4 * i, n - i);
}

const struct nv_philox_path nv_philox_avx2 = {"avx2", supported, blocks};

#else
typedef int nv_no_philox_avx2;
#endif
