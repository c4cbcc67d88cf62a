/* walk_plain - the paths with plain C. */
#include "vector_plain.h"
#include "walk_body.h"

static int supported(void)
{
    return 1;
}

extern const mc_path mc_path_plain;
const mc_path mc_path_plain = {"plain", supported, normals, walk, walk_logs, tally};
