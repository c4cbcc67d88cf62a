/*
 * The folder of the files: made, locked, swept; files that appear complete or not at all.
 *
 * Invariant: a name without a leading '.' is only ever given, by rename, to a file that has been
 * written, read back and flushed to the disk.  Whatever ends a process, what it leaves behind are
 * hidden temporary files, and the next one to lock the folder sweeps them away.
 */
#ifndef PIDIGITS_STORE_H
#define PIDIGITS_STORE_H

#include "manifest.h"

#include <stdatomic.h>
#include <stdint.h>

typedef struct store {
    const char *program; /* for messages */
    char *dir;           /* the folder's name, for messages */
    int fd, lock;        /* the folder; the lock file */
    atomic_int locked;   /* the folder is this process's: read by whoever ends the process */
} store;

/* All functions that return int: 0, or -1 after an error line. */

/* The folder for `dir`, or the default one for NULL; made if need be when `make` is set. */
int store_open(store *s, const char *program, const char *dir, int make);
void store_close(store *s);

/* Wait until no other process works in the folder (`quiet`: without a word); sweep up after dead
 * ones. */
int store_lock(store *s, int quiet);

/* The manifest: *found tells if there is one. */
int store_manifest(store *s, manifest *m, int *found);
int store_put_manifest(store *s, const manifest *m);

/* Is there room for so many more bytes?  `name` is the first file to be written. */
int store_room(store *s, uint64_t bytes, const char *name);

/* A file of a manifest, as its entry describes it: */
typedef enum store_state {
    STORE_MISSING,
    STORE_SAME,    /* length and time of modification are those of the manifest: not read */
    STORE_TOUCHED, /* the length is right, the time is not */
    STORE_OTHER    /* there is something else */
} store_state;
store_state store_look(const store *s, const manifest *m, unsigned file);

/* Read file `file` and compare it with its entry; what is wrong, or NULL: nothing. */
const char *store_check(const store *s, const manifest *m, unsigned file, char why[256]);

/* Take the file's present time of modification into its entry. */
void store_note_time(const store *s, manifest *m, unsigned file);

/*
 * Write the digits as a temporary file, flush it, read it back; *made describes it.  When the
 * manifest holds that, store_publish gives the file its name.
 */
int store_prepare(store *s, const manifest *m, unsigned file, const char *digits,
                  manifest_entry *made);
int store_publish(store *s, const manifest *m, unsigned file);

/* Remove a file of a set that is given up; one that is not there is no error. */
int store_remove(store *s, const manifest *m, unsigned file);

/* Remove temporary files; nothing unless the folder is locked.  For when a signal ends the process.
 */
void store_sweep(const store *s);

#endif
