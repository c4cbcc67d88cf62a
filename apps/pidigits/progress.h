/* Where a long computation says how far it is; any thread may read it, 0 to 1000 thousandths. */
#ifndef PIDIGITS_PROGRESS_H
#define PIDIGITS_PROGRESS_H

#include <stdatomic.h>

typedef struct progress {
    atomic_int phase;       /* index of the phase at work */
    atomic_int thousandths; /* of that phase */
} progress;

static inline void progress_begin(progress *p, int phase)
{
    atomic_store(&p->thousandths, 0);
    atomic_store(&p->phase, phase);
}

static inline void progress_add(progress *p, int thousandths)
{
    atomic_fetch_add(&p->thousandths, thousandths);
}

#endif
