/*
 * The list of a folder's files: what each holds, its length, its SHA-256, and its time of
 * modification when it was made.  As text it is at the same time what `sha256sum -c` takes; the
 * rest stands in lines that begin with '#'.
 *
 * Invariant: all files of a manifest belong to one set: the same layout, digits per file and
 * naming.
 */
#ifndef PIDIGITS_MANIFEST_H
#define PIDIGITS_MANIFEST_H

#include "digest.h"
#include "sheet.h"

#include <stdint.h>
#include <stdio.h>

enum { MANIFEST_NAME = 64 };

typedef struct manifest_entry {
    int listed;
    uint64_t bytes;
    int64_t seconds, nanoseconds; /* time of modification */
    char sha256[DIGEST_HEX];
} manifest_entry;

typedef struct manifest {
    sheet_layout layout;
    uint64_t per_file; /* digits */
    unsigned of;       /* the number behind "of" in the names */
    unsigned size;     /* entries; entry i is of file i + 1, listed or not */
    manifest_entry *entry;
} manifest;

int manifest_init(manifest *m,
                  unsigned size); /* 0, or -1 when out of memory; m is released in any case */
void manifest_release(manifest *m);

/* "pi200m.ascii.03of20" for file 3 of 20. */
void manifest_file_name(const manifest *m, unsigned file, char name[MANIFEST_NAME]);

/* 0; -1: out of memory; n > 0: line n is not a manifest's. */
int manifest_read(manifest *m, FILE *in);
int manifest_write(const manifest *m, FILE *out); /* 0, or -1 with errno */

#endif
