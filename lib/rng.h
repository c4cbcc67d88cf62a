/* rng - what the engine keeps for nave_rng(): one generator, made when first asked for.
 *
 * Invariant: only rng.c knows that it is GSL's.
 */
#ifndef NV_RNG_H
#define NV_RNG_H

void nv_rng_free(void *rng);

#endif
