/* topo - the cores of a host, how they are shared out to its ranks, and binding; the only file with
 * hwloc.  No MPI here: place.h has what the ranks do together.
 *
 * Invariant: a machine never changes once it is made.  Nothing here fails but for want of memory or
 * because the system does not tell; then the answer is "not known", and nobody is bound.
 */
#ifndef NV_TOPO_H
#define NV_TOPO_H

#include <stdbool.h>

enum { NV_TOPO_UNITS = 4096, NV_TOPO_WORD = 8 * sizeof(unsigned long) };

/* A set of processing units, by the system's numbers.  Empty: not known. */
struct nv_topo_cpus {
    unsigned long words[NV_TOPO_UNITS / NV_TOPO_WORD];
};

/* What a rank may use.  Plain data, so that it can go over MPI as bytes. */
struct nv_topo_site {
    struct nv_topo_cpus cpus;
    int cores;         /* that these are part of */
    int bound;         /* 1: these are not all that the system allows */
    int package, numa; /* of the first of these cores, as numbered by the machine; -1: not known */
};

/* How the ranks of a host lie on its cores. */
struct nv_topo_use {
    int cores; /* that they may use, all together */
    int idle;  /* cores that none may use */
    int crowd; /* most ranks that have one core only, the same one */
    int core;  /* the first unit of that core */
};

struct nv_topo_machine;

/* This host, or one that hwloc's text describes: "package:2 core:4 pu:2".  NULL: not known, or out
 * of memory.  To ask the system takes about a millisecond, more on large machines. */
struct nv_topo_machine *nv_topo_machine_new(const char *synthetic);

/* This host without asking: good for nv_topo_look() and nv_topo_bind() only, and made in much less
 * time.  units: nv_topo_units() of this host. */
struct nv_topo_machine *nv_topo_machine_thin(int units);

void nv_topo_machine_free(struct nv_topo_machine *machine);

/* One more than the highest number of a unit; cores with a unit that the system allows. */
int nv_topo_units(const struct nv_topo_machine *machine);
int nv_topo_machine_cores(const struct nv_topo_machine *machine);

/* The cores as text, which nave_place.machine explains; a set as a list, "0-3,8".  The caller frees
 * them; NULL: out of memory. */
char *nv_topo_text(const struct nv_topo_machine *machine);
char *nv_topo_list(const struct nv_topo_cpus *cpus);

/* The rule.  has[i] is what rank i of the host's n may use.  If they all may use the same, and that
 * has a core for each, stores a share of neighbouring cores for each and returns true; otherwise
 * they should stay as they are.  Rank `hub` (-1: not here) gets the share that has most others near
 * to it, the others keep their order. */
bool nv_topo_share(const struct nv_topo_machine *machine, const struct nv_topo_cpus *has, int n,
                   int hub, struct nv_topo_cpus *shares);

struct nv_topo_site nv_topo_describe(const struct nv_topo_machine *machine,
                                     const struct nv_topo_cpus *cpus);

struct nv_topo_use nv_topo_use_of(const struct nv_topo_machine *machine,
                                  const struct nv_topo_cpus *has, int n);

/* What this thread may use, or what all threads of the process may if that is the same. */
enum nv_topo_whose { NV_TOPO_THREAD, NV_TOPO_PROCESS };
struct nv_topo_cpus nv_topo_look(const struct nv_topo_machine *machine, enum nv_topo_whose whose);

/* Binds this thread, or all threads of the process.  Tells whether that worked. */
bool nv_topo_bind(const struct nv_topo_machine *machine, const struct nv_topo_cpus *cpus,
                  enum nv_topo_whose whose);

bool nv_topo_same(const struct nv_topo_cpus *a, const struct nv_topo_cpus *b);

#endif
