/* topo - see topo.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "topo.h"

#include <hwloc.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct nv_topo_cpus cpus;
typedef struct nv_topo_machine machine;

enum { WORDS = NV_TOPO_UNITS / NV_TOPO_WORD };

/* ----------------------------------------------------------------------------------------- sets */

static cpus cpus_from(hwloc_const_bitmap_t bitmap)
{
    cpus set;
    hwloc_bitmap_to_ulongs(bitmap, WORDS, set.words);
    return set;
}

/* NULL when out of memory. */
static hwloc_bitmap_t bitmap_from(const cpus *set)
{
    hwloc_bitmap_t bitmap = hwloc_bitmap_alloc();
    if (bitmap != NULL && hwloc_bitmap_from_ulongs(bitmap, WORDS, set->words) != 0) {
        hwloc_bitmap_free(bitmap);
        return NULL;
    }
    return bitmap;
}

bool nv_topo_same(const cpus *a, const cpus *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static bool within(const cpus *part, const cpus *all)
{
    for (int i = 0; i < WORDS; i++)
        if ((part->words[i] & ~all->words[i]) != 0)
            return false;
    return true;
}

static void add(cpus *set, int unit)
{
    set->words[unit / NV_TOPO_WORD] |= 1ul << unit % NV_TOPO_WORD;
}

static cpus union_of(const cpus *sets, int n)
{
    cpus all = {{0}};
    for (int i = 0; i < n; i++)
        for (int word = 0; word < WORDS; word++)
            all.words[word] |= sets[i].words[word];
    return all;
}

/* The next member after `unit` (-1: the first); -1 when there is none. */
static int next(const cpus *set, int unit)
{
    while (++unit < NV_TOPO_UNITS) {
        unsigned long rest = set->words[unit / NV_TOPO_WORD] >> unit % NV_TOPO_WORD;
        if (rest & 1)
            return unit;
        if (rest == 0)
            unit |= NV_TOPO_WORD - 1;
    }
    return -1;
}

char *nv_topo_list(const cpus *set)
{
    hwloc_bitmap_t bitmap = bitmap_from(set);
    char *list = NULL;
    if (bitmap != NULL && hwloc_bitmap_list_asprintf(&list, bitmap) < 0)
        list = NULL;
    hwloc_bitmap_free(bitmap);
    return list;
}

/* ----------------------------------------------------------------------------------- a machine */

struct core {
    int package, numa; /* -1: not known */
    cpus units;
};

struct nv_topo_machine {
    hwloc_topology_t topology;
    cpus allowed; /* by the system */
    int units;    /* the highest number and one */
    int cores;
    struct core *core;          /* neighbours are neighbours */
    int core_of[NV_TOPO_UNITS]; /* which of these has the unit; -1: none */
};

/* hwloc's "unknown" is the largest unsigned number. */
static int number_of(unsigned index)
{
    return index <= INT_MAX ? (int)index : -1;
}

static int package_of(hwloc_topology_t topology, hwloc_obj_t core)
{
    hwloc_obj_t package = hwloc_get_ancestor_obj_by_type(topology, HWLOC_OBJ_PACKAGE, core);
    return package != NULL ? number_of(package->os_index) : -1;
}

/* Some virtual machines tell of processing units only: then each counts as a core. */
static bool read_cores(machine *m)
{
    int cores = hwloc_get_nbobjs_by_type(m->topology, HWLOC_OBJ_CORE);
    hwloc_obj_type_t type = cores > 0 ? HWLOC_OBJ_CORE : HWLOC_OBJ_PU;
    m->cores = cores > 0 ? cores : hwloc_get_nbobjs_by_type(m->topology, HWLOC_OBJ_PU);
    m->core = m->cores > 0 ? calloc((size_t)m->cores, sizeof *m->core) : NULL;
    memset(m->core_of, -1, sizeof m->core_of);
    for (int i = 0; m->core != NULL && i < m->cores; i++) {
        hwloc_obj_t core = hwloc_get_obj_by_type(m->topology, type, (unsigned)i);
        m->core[i].units = cpus_from(core->cpuset);
        m->core[i].package = package_of(m->topology, core);
        m->core[i].numa = core->nodeset != NULL ? hwloc_bitmap_first(core->nodeset) : -1;
        for (int unit = -1; (unit = next(&m->core[i].units, unit)) >= 0;)
            m->core_of[unit] = i;
    }
    return m->core != NULL;
}

static bool read_machine(machine *m)
{
    m->units = hwloc_bitmap_last(hwloc_topology_get_complete_cpuset(m->topology)) + 1;
    m->allowed = cpus_from(hwloc_topology_get_allowed_cpuset(m->topology));
    return m->units > 0 && m->units <= NV_TOPO_UNITS && read_cores(m);
}

/* What the system disallows us is looked at too: a launcher may allow it to another rank.  The part
 * of hwloc that visits each core to ask it would wait for those that are busy. */
static bool load(hwloc_topology_t topology, const char *synthetic)
{
    unsigned long flags = HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED;
#if HWLOC_API_VERSION >= 0x00020500
    flags |= HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING;
#endif
    hwloc_topology_set_type_filter(topology, HWLOC_OBJ_CORE, HWLOC_TYPE_FILTER_KEEP_ALL);
    hwloc_topology_set_type_filter(topology, HWLOC_OBJ_PACKAGE, HWLOC_TYPE_FILTER_KEEP_ALL);
    hwloc_topology_set_type_filter(topology, HWLOC_OBJ_GROUP, HWLOC_TYPE_FILTER_KEEP_STRUCTURE);
    if (synthetic != NULL && hwloc_topology_set_synthetic(topology, synthetic) != 0)
        return false;
    return hwloc_topology_set_flags(topology, flags) == 0 && hwloc_topology_load(topology) == 0;
}

/* As little as hwloc can do: no cores, packages, caches, devices. */
static machine *bare_machine(void)
{
    machine *m = calloc(1, sizeof *m);
    if (m != NULL && hwloc_topology_init(&m->topology) == 0) {
        hwloc_topology_set_all_types_filter(m->topology, HWLOC_TYPE_FILTER_KEEP_NONE);
        return m;
    }
    free(m);
    return NULL;
}

machine *nv_topo_machine_new(const char *synthetic)
{
    machine *m = bare_machine();
    if (m != NULL && load(m->topology, synthetic) && read_machine(m))
        return m;
    nv_topo_machine_free(m);
    return NULL;
}

machine *nv_topo_machine_thin(int units)
{
    machine *m = bare_machine();
    char text[32];
    snprintf(text, sizeof text, "pu:%d", units);
    if (m != NULL && hwloc_topology_set_synthetic(m->topology, text) == 0 &&
        hwloc_topology_set_flags(m->topology, HWLOC_TOPOLOGY_FLAG_IS_THISSYSTEM) == 0 &&
        hwloc_topology_load(m->topology) == 0)
        return m;
    nv_topo_machine_free(m);
    return NULL;
}

void nv_topo_machine_free(machine *m)
{
    if (m == NULL)
        return;
    hwloc_topology_destroy(m->topology);
    free(m->core);
    free(m);
}

int nv_topo_units(const machine *m)
{
    return m->units;
}

/* Marks the cores that have a unit in the set; returns how many they are. */
static int mark_cores(const machine *m, const cpus *set, bool marks[NV_TOPO_UNITS])
{
    int cores = 0;
    memset(marks, 0, NV_TOPO_UNITS * sizeof *marks);
    for (int unit = -1; (unit = next(set, unit)) >= 0;) {
        int core = m->core_of[unit];
        cores += core >= 0 && !marks[core];
        if (core >= 0)
            marks[core] = true;
    }
    return cores;
}

static int cores_of(const machine *m, const cpus *set)
{
    bool marks[NV_TOPO_UNITS];
    return mark_cores(m, set, marks);
}

int nv_topo_machine_cores(const machine *m)
{
    return cores_of(m, &m->allowed);
}

/* ----------------------------------------------------------------------------------------- text */

/* Once memory is out, `bytes` stays NULL. */
struct text {
    char *bytes;
    size_t size, room; /* without the terminating zero */
};

static void append(struct text *text, const char *more)
{
    size_t n = strlen(more);
    if (text->bytes != NULL && text->size + n > text->room) {
        char *bytes = realloc(text->bytes, 2 * (text->size + n) + 1);
        if (bytes == NULL)
            free(text->bytes);
        text->bytes = bytes;
        text->room = 2 * (text->size + n);
    }
    if (text->bytes != NULL)
        memcpy(text->bytes + text->size, more, n + 1);
    text->size += n;
}

/* The units of a core that are in the set; none: nothing is said of that core. */
static void append_core(struct text *text, const char *before, const struct core *core,
                        const cpus *set)
{
    cpus units;
    char *list;
    for (int i = 0; i < WORDS; i++)
        units.words[i] = core->units.words[i] & set->words[i];
    list = nv_topo_list(&units);
    append(text, before);
    append(text, list != NULL ? list : "");
    free(list);
}

char *nv_topo_text(const machine *m)
{
    struct text text = {calloc(1, 1), 0, 0};
    const struct core *last = NULL;
    bool marks[NV_TOPO_UNITS];
    mark_cores(m, &m->allowed, marks);
    for (int i = 0; i < m->cores; i++) {
        const struct core *core = &m->core[i];
        char head[64] = " ";
        if (!marks[i])
            continue;
        if (last == NULL || core->package != last->package || core->numa != last->numa)
            snprintf(head, sizeof head, "%s%d/%d:", last != NULL ? "|" : "", core->package,
                     core->numa);
        append_core(&text, head, core, &m->allowed);
        last = core;
    }
    return text.bytes;
}

/* ------------------------------------------------------------------------------------- the rule */

/* One unit of each core: hwloc weighs what it distributes by units, and cores may have different
 * numbers of them. */
static hwloc_topology_t one_unit_each(const machine *m, const cpus *set)
{
    hwloc_topology_t thin = NULL;
    hwloc_bitmap_t units = hwloc_bitmap_alloc();
    bool marks[NV_TOPO_UNITS] = {false};
    if (units == NULL || hwloc_topology_dup(&thin, m->topology) != 0) {
        hwloc_bitmap_free(units);
        return NULL;
    }
    for (int unit = -1; (unit = next(set, unit)) >= 0;) {
        int core = m->core_of[unit];
        if (core >= 0 && !marks[core])
            hwloc_bitmap_set(units, (unsigned)unit);
        if (core >= 0)
            marks[core] = true;
    }
    if (hwloc_topology_restrict(thin, units, 0) != 0) {
        hwloc_topology_destroy(thin);
        thin = NULL;
    }
    hwloc_bitmap_free(units);
    return thin;
}

/* The cores that have a unit in `few`, with all their units that are in `set`. */
static cpus whole_cores(const machine *m, const cpus *few, const cpus *set)
{
    bool marks[NV_TOPO_UNITS];
    cpus all = {{0}};
    mark_cores(m, few, marks);
    for (int unit = -1; (unit = next(set, unit)) >= 0;)
        if (m->core_of[unit] >= 0 && marks[m->core_of[unit]])
            add(&all, unit);
    return all;
}

static bool distribute(hwloc_topology_t thin, hwloc_bitmap_t *pieces, int n)
{
    hwloc_obj_t root = hwloc_get_root_obj(thin);
    return hwloc_distrib(thin, &root, 1, pieces, (unsigned)n, INT_MAX, 0) == 0;
}

/* Cuts `set` into n shares, which must not be more than it has cores. */
static bool cut(const machine *m, const cpus *set, int n, cpus *shares)
{
    hwloc_topology_t thin = one_unit_each(m, set);
    hwloc_bitmap_t *pieces = calloc((size_t)n, sizeof *pieces);
    bool done = thin != NULL && pieces != NULL && distribute(thin, pieces, n);
    for (int i = 0; pieces != NULL && i < n; i++) {
        if (done) {
            cpus few = cpus_from(pieces[i]);
            shares[i] = whole_cores(m, &few, set);
        }
        hwloc_bitmap_free(pieces[i]);
    }
    free(pieces);
    if (thin != NULL)
        hwloc_topology_destroy(thin);
    return done;
}

static const struct core *first_core(const machine *m, const cpus *set)
{
    for (int unit = -1; (unit = next(set, unit)) >= 0;)
        if (m->core_of[unit] >= 0)
            return &m->core[m->core_of[unit]];
    return NULL;
}

/* The share with most others in its package; of several, with most in its NUMA node; of several,
 * the first. */
static int best_for_hub(const machine *m, const cpus *shares, int n)
{
    long most = 0;
    int best = 0;
    for (int i = 0; i < n; i++) {
        const struct core *here = first_core(m, &shares[i]);
        long near = 0;
        for (int j = 0; j < n; j++) {
            const struct core *there = first_core(m, &shares[j]);
            near += (there->package == here->package) * (n + 1L) + (there->numa == here->numa);
        }
        if (near > most) {
            most = near;
            best = i;
        }
    }
    return best;
}

/* Share `from` goes to place `to`, those in between move up. */
static void move(cpus *shares, int from, int to)
{
    cpus moved = shares[from];
    for (; from > to; from--)
        shares[from] = shares[from - 1];
    for (; from < to; from++)
        shares[from] = shares[from + 1];
    shares[to] = moved;
}

bool nv_topo_share(const machine *m, const cpus *has, int n, int hub, cpus *shares)
{
    for (int i = 1; i < n; i++)
        if (!nv_topo_same(&has[i], &has[0]))
            return false;
    if (n < 2 || cores_of(m, &has[0]) < n || !cut(m, &has[0], n, shares))
        return false;
    if (hub >= 0)
        move(shares, best_for_hub(m, shares, n), hub);
    return true;
}

/* ------------------------------------------------------------------------------ what is so now */

struct nv_topo_site nv_topo_describe(const machine *m, const cpus *set)
{
    const struct core *first = first_core(m, set);
    struct nv_topo_site site = {*set, 0, 0, -1, -1};
    if (first == NULL)
        return site;
    site.cores = cores_of(m, set);
    site.bound = !within(&m->allowed, set);
    site.package = first->package;
    site.numa = first->numa;
    return site;
}

struct nv_topo_use nv_topo_use_of(const machine *m, const cpus *has, int n)
{
    struct nv_topo_use use = {0, 0, 0, -1};
    cpus all = union_of(has, n);
    int ranks[NV_TOPO_UNITS] = {0}; /* on each core that is all they have */
    use.cores = cores_of(m, &all);
    for (int i = 0; i < n; i++) {
        int unit = next(&has[i], -1);
        if (unit < 0 || m->core_of[unit] < 0 || cores_of(m, &has[i]) != 1)
            continue;
        if (++ranks[m->core_of[unit]] > use.crowd) {
            use.crowd = ranks[m->core_of[unit]];
            use.core = next(&m->core[m->core_of[unit]].units, -1);
        }
    }
    all = whole_cores(m, &all, &m->allowed);
    use.idle = nv_topo_machine_cores(m) - cores_of(m, &all);
    return use;
}

/* -------------------------------------------------------------------------------------- binding */

cpus nv_topo_look(const machine *m, enum nv_topo_whose whose)
{
    int flags = whose == NV_TOPO_PROCESS ? HWLOC_CPUBIND_PROCESS : HWLOC_CPUBIND_THREAD;
    hwloc_bitmap_t bitmap = hwloc_bitmap_alloc();
    cpus set = {{0}};
    if (bitmap != NULL && hwloc_get_cpubind(m->topology, bitmap, flags | HWLOC_CPUBIND_STRICT) == 0)
        set = cpus_from(bitmap);
    hwloc_bitmap_free(bitmap);
    return set;
}

bool nv_topo_bind(const machine *m, const cpus *set, enum nv_topo_whose whose)
{
    int flags = whose == NV_TOPO_PROCESS ? HWLOC_CPUBIND_PROCESS : HWLOC_CPUBIND_THREAD;
    hwloc_bitmap_t bitmap = bitmap_from(set);
    bool done = bitmap != NULL && hwloc_set_cpubind(m->topology, bitmap, flags) == 0;
    hwloc_bitmap_free(bitmap);
    return done;
}
