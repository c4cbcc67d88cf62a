#include "summary.h"
#include "bands.h"

#include <math.h>
#include <string.h>

/* FNV-1a by words of 64 bits instead of bytes; the shift lets high bits change low ones. */
uint64_t heat_hash(uint64_t hash, const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t word;
        memcpy(&word, &values[i], sizeof word);
        hash = (hash ^ word) * UINT64_C(0x100000001b3);
        hash ^= hash >> 32;
    }
    return hash;
}

void heat_summary_init(heat_summary *summary)
{
    *summary = (heat_summary){.least = INFINITY, .most = -INFINITY, .checksum = HEAT_HASH};
}

void heat_summary_add(heat_summary *summary, const double *cells, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        summary->sum += cells[i];
        summary->least = fmin(summary->least, cells[i]);
        summary->most = fmax(summary->most, cells[i]);
    }
    summary->checksum = heat_hash(summary->checksum, cells, count);
    summary->cells += count;
}

static int take(void *arg, double *cells, size_t count)
{
    heat_summary_add(arg, cells, count);
    return 0;
}

int heat_summary_take(heat_summary *summary, const heat_field *field)
{
    heat_summary_init(summary);
    return heat_bands_gather(field, take, summary);
}
