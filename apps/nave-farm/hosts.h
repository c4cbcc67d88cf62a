/* hosts - the places of all ranks, host by host, and which hosts look alike. */
#ifndef NAVE_HOSTS_H
#define NAVE_HOSTS_H

#include "nave.h"

#include <stddef.h>

typedef struct host {
    const char *name, *machine;
    const int *ranks; /* in order */
    size_t count;
    size_t like; /* the first host with the same cores and the same sets of them; itself, maybe */
} host;

typedef struct hosts {
    const nave_place *places; /* borrowed */
    size_t ranks;
    host *list;
    size_t count;
    int *order; /* all ranks, sorted by host */
} hosts;

/* 0, or -1: out of memory.  Release it in any case. */
int hosts_read(hosts *all, const nave_place *places, size_t n);
void hosts_release(hosts *all);

/* Ranks as text, "0*,1-7": the star is the hub's.  The caller frees it; NULL: out of memory. */
char *hosts_ranks_text(const int *ranks, size_t n);

/* The names of the hosts after `first` that are like it, "n02-n07,x1"; how many they are, and which
 * ranks run there.  The caller frees the texts.  0, or -1: out of memory. */
int hosts_alike(const hosts *all, size_t first, size_t *count, char **names, char **ranks);

#endif
