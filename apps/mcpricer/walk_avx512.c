/* walk_avx512 - the paths with AVX-512; empty on other machines. */
#ifdef __AVX512F__

#include "vector_avx512.h"
#include "walk_body.h"

static int supported(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("fma");
}

extern const mc_path mc_path_avx512;
const mc_path mc_path_avx512 = {"avx512", supported, normals, walk, walk_logs, tally};

#else
typedef int mc_no_avx512;
#endif
