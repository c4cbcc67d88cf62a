#include "walk.h"

#include <math.h>
#include <string.h>

/* The polynomial of walk_body.h is good so far. */
static const double EXPONENT_MAX = 0.17;

extern const mc_path mc_path_plain;
#ifdef __x86_64__
extern const mc_path mc_path_avx2, mc_path_avx512;
#endif

static const mc_path *const paths[] = {
#ifdef __x86_64__
    &mc_path_avx512,
    &mc_path_avx2,
#endif
    &mc_path_plain,
};

const int mc_control_of[MC_PRICES] = {MC_CONTROL_LAST, MC_CONTROL_LAST, MC_CONTROL_CALL,
                                      MC_CONTROL_PUT};

const mc_path *mc_path_at(size_t i)
{
    return i < sizeof paths / sizeof *paths ? paths[i] : NULL;
}

const mc_path *mc_path_find(const char *name)
{
    int any = name == NULL || strcmp(name, "auto") == 0;
    const mc_path *path;

    for (size_t i = 0; (path = mc_path_at(i)) != NULL; i++)
        if ((any || strcmp(path->name, name) == 0) && path->supported())
            return path;
    return NULL;
}

mc_motion mc_motion_of(double rate, double sigma, double h)
{
    mc_motion motion = {(rate - sigma * sigma / 2) * h, sigma * sqrt(h), 0};
    double most = fabs(motion.drift) + fabs(motion.vol) * MC_NORMAL_MAX;

    while (most > EXPONENT_MAX) {
        most /= 2;
        motion.halvings++;
    }
    return motion;
}

void mc_bundle_begin(mc_bundle *bundle, double spot)
{
    for (int p = 0; p < MC_BUNDLE; p++) {
        bundle->price[p] = spot;
        bundle->sum[p] = bundle->log[p] = bundle->log_sum[p] = 0;
    }
}
