/* walk_avx2 - the paths with AVX2 and FMA; empty on other machines. */
#ifdef __AVX2__

#include "vector_avx2.h"
#include "walk_body.h"

static int supported(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

extern const mc_path mc_path_avx2;
const mc_path mc_path_avx2 = {"avx2", supported, normals, walk, walk_logs, tally};

#else
typedef int mc_no_avx2;
#endif
