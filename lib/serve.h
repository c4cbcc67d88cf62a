/* serve - what ranks other than the hub do while the farm is open.
 *
 * Invariant: a turn does not wait.
 */
#ifndef NV_SERVE_H
#define NV_SERVE_H

#include "context.h"
#include "idle.h"

/* How this rank's thread may idle. */
void nv_serve_idle(const nave *ctx, struct nv_idle *idle);

/* A turn of what this rank is, an engine or a sub-hub, and what it then may wait for.  NAVE_OK; NAVE_END:
 * the hub has closed the farm; or an error. */
int nv_serve_turn(nave *ctx, struct nv_idle *idle, bool *worked);

/* Whether rank 0 lives, as often as is due; *next is 0 before the first look.  NAVE_OK or NAVE_ELOST. */
int nv_serve_look(nave *ctx, struct nv_idle *idle, double *next);

#endif
