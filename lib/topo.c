/* topo - see topo.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "topo.h"

#include <hwloc.h>

static int cores_in(hwloc_topology_t topology, hwloc_const_cpuset_t set)
{
    int cores = hwloc_get_nbobjs_inside_cpuset_by_type(topology, set, HWLOC_OBJ_CORE);
    if (cores <= 0)
        cores = hwloc_get_nbobjs_inside_cpuset_by_type(topology, set, HWLOC_OBJ_PU);
    return cores > 0 ? cores : 0;
}

int nv_topo_cores(void)
{
    hwloc_topology_t topology;
    int cores = 0;
    if (hwloc_topology_init(&topology) != 0)
        return 0;
    hwloc_topology_set_all_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_NONE);
    hwloc_topology_set_type_filter(topology, HWLOC_OBJ_CORE, HWLOC_TYPE_FILTER_KEEP_ALL);
    if (hwloc_topology_load(topology) == 0)
        cores = cores_in(topology, hwloc_topology_get_allowed_cpuset(topology));
    hwloc_topology_destroy(topology);
    return cores;
}
