/* sample - the trees that were published with the benchmark, and what is in them. */
#ifndef UTS_SAMPLE_H
#define UTS_SAMPLE_H

#include "search.h"

typedef struct uts_sample {
    const char *name;
    uts_tree tree;
    uts_count count; /* leaves and depth are 0 where they were not published */
} uts_sample;

enum { UTS_SAMPLES = 16 };

/* From small to large. */
extern const uts_sample uts_samples[UTS_SAMPLES];

/* The sample of this name ("T1L", "t1l"); the one that is this tree; NULL when there is none. */
const uts_sample *uts_sample_named(const char *name);
const uts_sample *uts_sample_of(const uts_tree *tree);

/* Whether all that was published of the sample was found. */
int uts_sample_agrees(const uts_sample *sample, const uts_count *found);

#endif
