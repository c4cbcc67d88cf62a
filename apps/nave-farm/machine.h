/* machine - a host's cores as nave_place.machine tells them.
 *
 * "PACKAGE/NUMA:CORE CORE ...|PACKAGE/NUMA:CORE ...", where CORE is a list of processing units like
 * "0,8" or "4-7", and -1 a number that is not known.
 */
#ifndef NAVE_MACHINE_H
#define NAVE_MACHINE_H

#include <stddef.h>

typedef struct machine_core {
    int package, numa; /* -1: not known */
} machine_core;

typedef struct machine {
    machine_core *cores;
    size_t count;
    int *core_of; /* which core a unit is part of; -1: none */
    int units;    /* size of core_of */
} machine;

/* An empty text, or one that is not understood, is a machine without cores.  0, or -1: out of
 * memory.  Release it in any case. */
int machine_read(machine *m, const char *text);
void machine_release(machine *m);

/* How many processing units, packages, NUMA nodes it has. */
size_t machine_units(const machine *m);
size_t machine_packages(const machine *m);

/* The next range of a list of units.  Returns where to go on; NULL when the list is over. */
const char *machine_range(const char *list, int *from, int *to);

/* Whether a list has a unit of this core. */
int machine_touches(const machine *m, size_t core, const char *list);

#endif
