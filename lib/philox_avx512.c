/* philox_avx512 - sixteen blocks at a time with AVX-512; empty on other machines.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Design notes.  A lane of 64 bits holds one word of a block in its lower half; the upper half is of
 * no account, since a multiplication reads the lower ones only.  Lanes 0, 2, 4, 6 hold blocks 0 to
 * 3, the others blocks 4 to 7, so that unpacking puts the words in order.  Two sets of eight blocks
 * are under way together: a round is a chain of a multiplication, a shift and an exclusive or. */
#ifdef __AVX512F__

#include "philox.h"

#include <immintrin.h>

enum { SETS = 2, GROUP = 8 * SETS };

static int supported(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("fma");
}

struct set {
    __m512i c[4];
};

static inline __m512i xor3(__m512i a, __m512i b, __m512i c)
{
    return _mm512_ternarylogic_epi64(a, b, c, 0x96);
}

static inline void turn(struct set *s, __m512i k0, __m512i k1)
{
    const __m512i m0 = _mm512_set1_epi64(NV_PHILOX_M0), m1 = _mm512_set1_epi64(NV_PHILOX_M1);
    __m512i p0 = _mm512_mul_epu32(m0, s->c[0]), p1 = _mm512_mul_epu32(m1, s->c[2]);
    s->c[0] = xor3(_mm512_srli_epi64(p1, 32), s->c[1], k0);
    s->c[1] = p1;
    s->c[2] = xor3(_mm512_srli_epi64(p0, 32), s->c[3], k1);
    s->c[3] = p0;
}

static inline __m512i join(__m512i low, __m512i high)
{
    return _mm512_mask_shuffle_epi32(low, 0xAAAA, high, _MM_PERM_CCAA);
}

static inline void store(const struct set *s, uint32_t *words)
{
    __m512i front = join(s->c[0], s->c[1]), back = join(s->c[2], s->c[3]);
    _mm512_storeu_si512(words, _mm512_unpacklo_epi64(front, back));
    _mm512_storeu_si512(words + 16, _mm512_unpackhi_epi64(front, back));
}

static inline void begin(struct set *s, uint64_t block, uint64_t stream)
{
    const __m512i order = _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7);
    s->c[0] = _mm512_add_epi64(_mm512_set1_epi64((long long)block), order);
    s->c[1] = _mm512_srli_epi64(s->c[0], 32);
    s->c[2] = _mm512_set1_epi64((long long)(stream & UINT32_MAX));
    s->c[3] = _mm512_set1_epi64((long long)(stream >> 32));
}

static void blocks(uint64_t seed, uint64_t stream, uint64_t first, uint32_t *words, size_t n)
{
    __m512i keys[2][NV_PHILOX_ROUNDS];
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    size_t i = 0;
    for (int round = 0; round < NV_PHILOX_ROUNDS; round++) {
        keys[0][round] = _mm512_set1_epi64(k0);
        keys[1][round] = _mm512_set1_epi64(k1);
        k0 += NV_PHILOX_W0;
        k1 += NV_PHILOX_W1;
    }
    for (; i + GROUP <= n; i += GROUP) {
        struct set a, b;
        begin(&a, first + i, stream);
        begin(&b, first + i + 8, stream);
        for (int round = 0; round < NV_PHILOX_ROUNDS; round++) {
            turn(&a, keys[0][round], keys[1][round]);
            turn(&b, keys[0][round], keys[1][round]);
        }
        store(&a, words + 4 * i);
        store(&b, words + 4 * i + 32);
    }
    if (i < n)
        nv_philox_plain.blocks(seed, stream, first + i, words + 4 * i, n - i);
}

const struct nv_philox_path nv_philox_avx512 = {"avx512", supported, blocks};

#else
typedef int nv_no_philox_avx512;
#endif
