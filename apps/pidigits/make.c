#include "make.h"

#include "cli.h"
#include "cores.h"
#include "digits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { OF = 20 }; /* the original's set had twenty files; larger sets name their own number */

typedef struct work {
    const options *o;
    store *store;
    manifest m, old; /* old: another set that --force gives up; no entries: none */
    char *wanted;    /* [i]: file i + 1 is to be made */
    unsigned count;  /* of these */
} work;

static unsigned names_of(uint64_t files)
{
    return files <= OF ? OF : (unsigned)files;
}

static int same_set(const manifest *m, const options *o)
{
    return m->layout == o->layout && m->per_file == o->per_file && m->of == names_of(o->files);
}

static void say_other_set(const store *s, const manifest *m, const char *advice)
{
    char digits[CLI_COMMAS];
    cli_error(PROGRAM, "%s holds files of %s digits, layout %s, named \"of%u\"%s", s->dir,
              cli_commas(m->per_file, digits), sheet_layout_name(m->layout), m->of, advice);
}

/* The manifest of the set that is asked for, with room for all its files. */
static int load_manifest(work *w)
{
    const options *o = w->o;
    manifest found = {0};
    int there = 0;
    if (store_manifest(w->store, &found, &there) != 0 && !o->force) {
        return -1;
    }
    if (there && !same_set(&found, o) && !o->force) {
        say_other_set(w->store, &found, "; give another --dir, or --force to replace them");
        manifest_release(&found);
        return -1;
    }
    int keep = there && same_set(&found, o);
    unsigned size = keep && found.size > o->files ? found.size : (unsigned)o->files;
    if (manifest_init(&w->m, size) != 0) {
        manifest_release(&found);
        cli_error(PROGRAM, "out of memory");
        return -1;
    }
    w->m.layout = o->layout;
    w->m.per_file = o->per_file;
    w->m.of = names_of(o->files);
    if (keep) {
        memcpy(w->m.entry, found.entry, found.size * sizeof *found.entry);
        manifest_release(&found);
    } else {
        w->old = found;
    }
    return 0;
}

/* Does this file have to be made?  1, 0, or -1: it is there, and nobody knows what it is. */
static int must_make(work *w, unsigned file)
{
    char name[MANIFEST_NAME], why[256];
    store_state state = store_look(w->store, &w->m, file);
    manifest_file_name(&w->m, file, name);
    if (state == STORE_MISSING || w->o->force) {
        return 1;
    }
    if (!w->m.entry[file - 1].listed) {
        cli_error(PROGRAM, "%s/%s: is not in the manifest; move it away, or --force to replace it",
                  w->store->dir, name);
        return -1;
    }
    const char *wrong = "the length is wrong";
    if (state == STORE_TOUCHED) {
        wrong = store_check(w->store, &w->m, file, why);
        store_note_time(w->store, &w->m, file);
    }
    if (state == STORE_SAME || wrong == NULL) {
        return 0;
    }
    cli_error(PROGRAM, "%s/%s: %s; it is made again", w->store->dir, name, wrong);
    return 1;
}

static int list_wanted(work *w)
{
    w->wanted = calloc(w->o->files, 1);
    if (w->wanted == NULL) {
        cli_error(PROGRAM, "out of memory");
        return -1;
    }
    for (unsigned i = 0; i < w->o->files; i++) {
        int make = must_make(w, i + 1);
        if (make < 0) {
            return -1;
        }
        w->wanted[i] = (char)make;
        w->count += (unsigned)make;
    }
    return 0;
}

/* Minutes of work should not end for want of something that is known now. */
static int check_resources(const work *w)
{
    double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    double digits = (double)(w->o->files * w->o->per_file);
    if (digits_memory(digits) > memory) {
        cli_error(PROGRAM, "%.0f digits need about %.1f GB of memory; this machine has %.1f",
                  digits, digits_memory(digits) / 1e9, memory / 1e9);
        return -1;
    }
    char name[MANIFEST_NAME];
    unsigned first = 0;
    while (!w->wanted[first]) {
        first++;
    }
    manifest_file_name(&w->m, first + 1, name);
    return store_room(w->store, w->count * sheet_size(w->m.layout, w->m.per_file), name);
}

/* Files of the set that --force gives up, lest two sets lie side by side. */
static int remove_old(work *w)
{
    for (unsigned i = 0; i < w->old.size; i++) {
        if (w->old.entry[i].listed && store_remove(w->store, &w->old, i + 1) != 0) {
            return -1;
        }
    }
    return 0;
}

/*
 * The manifest goes first: a file that it lists and that is not there is simply made by the next
 * run, while a file that it did not list would be a stranger.
 */
static int write_files(work *w, const char *digits, progress *p)
{
    if (remove_old(w) != 0) {
        return -1;
    }
    for (unsigned i = 0; i < w->o->files; i++) {
        if (!w->wanted[i]) {
            continue;
        }
        if (store_prepare(w->store, &w->m, i + 1, digits + i * w->m.per_file, &w->m.entry[i]) !=
                0 ||
            store_put_manifest(w->store, &w->m) != 0 ||
            store_publish(w->store, &w->m, i + 1) != 0) {
            return -1;
        }
        progress_add(p, (int)(1000 / w->count));
    }
    return 0;
}

static void say_times(const double seconds[DIGITS_PHASES], int threads)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    printf(
        "%.1f s on %d thread%s (%s): computed in %.1f, checked %.1f, converted %.1f, written %.1f; "
        "%.2f GiB\n",
        seconds[0] + seconds[1] + seconds[2] + seconds[3], threads, threads == 1 ? "" : "s",
        digits_arithmetic(), seconds[DIGITS_COMPUTING], seconds[DIGITS_CHECKING],
        seconds[DIGITS_CONVERTING], seconds[DIGITS_WRITING], (double)use.ru_maxrss / (1 << 20));
}

static int compute_and_write(work *w, watch *watcher, progress *p)
{
    const char *why = NULL;
    double seconds[DIGITS_PHASES];
    cores_widen(w->o->threads);
    int threads = w->o->threads > 0 ? w->o->threads : cores_allowed();
    size_t n = (size_t)(w->o->files * w->o->per_file);
    watch_draw(watcher, n, threads);
    char *digits = digits_of_pi(n, DIGITS_GUARD, threads, p, seconds, &why);
    if (digits == NULL) {
        cli_error(PROGRAM, "%s", why);
        return -1;
    }
    double before = digits_clock();
    progress_begin(p, DIGITS_WRITING);
    int status = write_files(w, digits, p);
    free(digits);
    seconds[DIGITS_WRITING] = digits_clock() - before;
    if (status == 0 && !w->o->quiet) {
        watch_stop(watcher);
        say_times(seconds, threads);
    }
    return status;
}

static void say_files(const work *w)
{
    char digits[CLI_COMMAS];
    printf("%s: %" PRIu64 " file%s of %s decimals, layout %s: %u made, %u kept\n", w->store->dir,
           w->o->files, w->o->files == 1 ? "" : "s", cli_commas(w->o->per_file, digits),
           sheet_layout_name(w->o->layout), w->count, (unsigned)w->o->files - w->count);
}

static int make_wanted(work *w, watch *watcher, progress *p)
{
    if (load_manifest(w) != 0 || list_wanted(w) != 0) {
        return -1;
    }
    if (w->count > 0 && (check_resources(w) != 0 || compute_and_write(w, watcher, p) != 0)) {
        return -1;
    }
    if (!w->o->quiet) {
        say_files(w);
    }
    return 0;
}

int make_files(const options *o, store *s, watch *watcher, progress *p)
{
    work w = {.o = o, .store = s};
    int status = store_lock(s, o->quiet) == 0 ? make_wanted(&w, watcher, p) : -1;
    manifest_release(&w.m);
    manifest_release(&w.old);
    free(w.wanted);
    return status == 0 ? CLI_OK : CLI_FAILURE;
}
