/* topo - what the hardware gives this process; the only file with hwloc. */
#ifndef NV_TOPO_H
#define NV_TOPO_H

/* Cores that this process is bound to, and cores that it might use (what the system allows it).
 * Zeros where that cannot be known. */
void nv_topo_cores(int *bound, int *allowed);

#endif
