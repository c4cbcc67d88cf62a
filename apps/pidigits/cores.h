/* How many cores this process may use. */
#ifndef PIDIGITS_CORES_H
#define PIDIGITS_CORES_H

int cores_allowed(void);

/* If fewer than `wanted` are allowed, ask for all that the system has online. */
void cores_widen(int wanted);

#endif
