/* guarded - the tasks of a lot that run in the engine's guard: handed over, watched, answered.
 *
 * Invariant: the row that was handed over lies in the first lot, from its place `at` on, as far as it
 * is not answered; while it runs the lot stays where it is.
 */
#ifndef NV_GUARDED_H
#define NV_GUARDED_H

#include <stdbool.h>
#include <stdint.h>

struct nv_engine;
struct lot;
struct nv_guarded;

/* Tasks at the head of the first lot that were handed over and not answered: they have begun, as far
 * as others are concerned. */
uint32_t nv_guarded_begun(const struct nv_engine *engine);

/* Looks at the guard.  Whether there is something to do for nv_guarded_step(). */
bool nv_guarded_news(struct nv_engine *engine, struct lot *lot);

/* Hands over the next row, or answers what has come of the one that runs. */
int nv_guarded_step(struct nv_engine *engine, struct lot *lot);

/* When to look at the guard though no bell rings, by nv_clock(); 0: never. */
double nv_guarded_due(const struct nv_engine *engine);

/* Ends the child, whatever it does.  NULL is fine. */
void nv_guarded_free(struct nv_guarded *guarded);

#endif
