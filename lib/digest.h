/* digest - 128 bits that stand for bytes, by XXH3: quick, and not made against forgery.
 *
 * Two different inputs have one digest with a probability of 2^-128; among a thousand million of
 * them some two do with 10^-21.
 */
#ifndef NV_DIGEST_H
#define NV_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nv_digest {
    uint64_t low, high;
};

static inline bool nv_digest_equal(struct nv_digest a, struct nv_digest b)
{
    return a.low == b.low && a.high == b.high;
}

/* Of `size` bytes; `data` may be NULL when there are none. */
struct nv_digest nv_digest_of(const void *data, size_t size);

/* Of all that went into `before`, and these bytes.  Where one piece ends and the next begins counts:
 * "ab", "c" is not "a", "bc".  So the digest of a kernel's name is made once, and followed by the
 * input of each task (12 ns for 8 bytes). */
struct nv_digest nv_digest_then(struct nv_digest before, const void *data, size_t size);

#endif
