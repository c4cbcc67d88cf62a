#include "make.h"

#include "cli.h"

#include <stdio.h>

/* One file against its entry; 1 if it is good. */
static int verify_one(const options *o, const store *s, const manifest *m, unsigned file)
{
    char name[MANIFEST_NAME], why[256];
    manifest_file_name(m, file, name);
    const char *wrong = "is not in the manifest";
    if (file <= m->size && m->entry[file - 1].listed) {
        wrong = m->entry[file - 1].bytes == sheet_size(m->layout, m->per_file)
                    ? store_check(s, m, file, why)
                    : "the manifest's length does not fit its layout";
    }
    if (wrong != NULL) {
        cli_error(PROGRAM, "%s/%s: %s", s->dir, name, wrong);
    } else if (!o->quiet) {
        printf("%s: good\n", name);
    }
    return wrong == NULL;
}

static int verify_all(const options *o, const store *s, const manifest *m)
{
    unsigned bad = 0, files = o->files_given ? (unsigned)o->files : m->size;
    for (unsigned file = 1; file <= files; file++) {
        int listed = file <= m->size && m->entry[file - 1].listed;
        if (listed || o->files_given) {
            bad += !verify_one(o, s, m, file);
        }
    }
    if (bad > 0) {
        cli_error(PROGRAM, "%s: %u file%s wrong; run pidigits without --verify to make %s again",
                  s->dir, bad, bad == 1 ? " is" : "s are", bad == 1 ? "it" : "them");
    }
    return bad == 0 ? 0 : -1;
}

/* What the user says about the set has to be true as well. */
static int as_said(const options *o, const store *s, const manifest *m)
{
    if ((!o->layout_given || o->layout == m->layout) &&
        (!o->per_file_given || o->per_file == m->per_file)) {
        return 1;
    }
    cli_error(PROGRAM, "%s: the files have layout %s and %llu digits each", s->dir,
              sheet_layout_name(m->layout), (unsigned long long)m->per_file);
    return 0;
}

int verify_files(const options *o, store *s)
{
    manifest m = {0};
    int found = 0, status = store_manifest(s, &m, &found);
    if (status == 0 && !found) {
        cli_error(PROGRAM, "%s: there is no manifest; run pidigits without --verify first", s->dir);
        status = -1;
    }
    if (status == 0) {
        status = as_said(o, s, &m) ? verify_all(o, s, &m) : -1;
    }
    manifest_release(&m);
    return status == 0 ? CLI_OK : CLI_FAILURE;
}
