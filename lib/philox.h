/* philox - Philox4x32-10, the function behind nave_rng.h, on one block or many.
 *
 * Invariant: all paths give the same words.
 */
#ifndef NV_PHILOX_H
#define NV_PHILOX_H

#include <stddef.h>
#include <stdint.h>

enum { NV_PHILOX_ROUNDS = 10 };

#define NV_PHILOX_M0 0xD2511F53U
#define NV_PHILOX_M1 0xCD9E8D57U
#define NV_PHILOX_W0 0x9E3779B9U /* what is added to the key after each round */
#define NV_PHILOX_W1 0xBB67AE85U

/* One block: out may be the counter itself. */
void nv_philox_block(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* n blocks of a stream, from block `first` on: 4 n words. */
typedef void nv_philox_blocks(uint64_t seed, uint64_t stream, uint64_t first, uint32_t *words,
                              size_t n);

struct nv_philox_path {
    const char *name;
    int (*supported)(void);
    nv_philox_blocks *blocks;
};

extern const struct nv_philox_path nv_philox_plain;
#ifdef __x86_64__
extern const struct nv_philox_path nv_philox_avx2;
extern const struct nv_philox_path nv_philox_avx512;
#endif

/* Every path of this build from the fastest to the plain one; NULL beyond the last. */
const struct nv_philox_path *nv_philox_at(size_t i);

#endif
