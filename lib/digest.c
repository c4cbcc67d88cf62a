/* digest - see digest.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "digest.h"

#include <xxhash.h>

static struct nv_digest from(XXH128_hash_t hash)
{
    return (struct nv_digest){.low = hash.low64, .high = hash.high64};
}

struct nv_digest nv_digest_of(const void *data, size_t size)
{
    return from(XXH3_128bits(size > 0 ? data : "", size));
}

struct nv_digest nv_digest_then(struct nv_digest before, const void *data, size_t size)
{
    struct nv_digest both[2] = {before, nv_digest_of(data, size)};
    return from(XXH3_128bits(both, sizeof both));
}
