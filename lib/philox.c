/* philox - see philox.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "philox.h"

static const struct nv_philox_path *const paths[] = {
#ifdef __x86_64__
    &nv_philox_avx512,
    &nv_philox_avx2,
#endif
    &nv_philox_plain,
};

const struct nv_philox_path *nv_philox_at(size_t i)
{
    return i < sizeof paths / sizeof *paths ? paths[i] : NULL;
}

void nv_philox_block(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < NV_PHILOX_ROUNDS; round++) {
        uint64_t p0 = (uint64_t)NV_PHILOX_M0 * c0, p1 = (uint64_t)NV_PHILOX_M1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += NV_PHILOX_W0;
        k1 += NV_PHILOX_W1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

static void blocks_plain(uint64_t seed, uint64_t stream, uint64_t first, uint32_t *words, size_t n)
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    for (size_t i = 0; i < n; i++) {
        uint64_t block = first + i;
        const uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)stream,
                                     (uint32_t)(stream >> 32)};
        nv_philox_block(counter, key, words + 4 * i);
    }
}

static int always(void)
{
    return 1;
}

const struct nv_philox_path nv_philox_plain = {"plain", always, blocks_plain};
