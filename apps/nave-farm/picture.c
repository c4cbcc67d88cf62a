#include "picture.h"
#include "machine.h"

#include <stdlib.h>
#include <string.h>

enum {
    WIDTH = 76,   /* of what is in a box */
    CELL_MAX = 15 /* more ranks than can be listed in this are counted */
};

/* One host on its way to paper. */
typedef struct sheet {
    FILE *out;
    machine machine;
    char **cells; /* the text in each core */
    int cell;     /* the widest of them */
    int label;    /* room for the name of a NUMA node in front of its cores */
    int width;    /* of the boxes, inside */
} sheet;

/* ---------------------------------------------------------------------------------------- cells */

typedef int chosen_fn(const machine *m, const nave_place *place, size_t core);

static int runs_there(const machine *m, const nave_place *place, size_t core)
{
    return place->bound && machine_touches(m, core, place->cpus);
}

static int runs_anywhere(const machine *m, const nave_place *place, size_t core)
{
    (void)m, (void)core;
    return !place->bound;
}

static int runs_elsewhere(const machine *m, const nave_place *place, size_t core)
{
    (void)core;
    for (size_t i = 0; i < m->count; i++)
        if (runs_there(m, place, i))
            return 0;
    return place->bound;
}

/* The ranks of a host for which this is so, as text; NULL: out of memory. */
static char *choose(const hosts *all, const host *h, chosen_fn *chosen, const machine *m,
                    size_t core)
{
    int *ranks = calloc(h->count, sizeof *ranks);
    char *text = NULL;
    size_t n = 0;

    for (size_t i = 0; ranks != NULL && i < h->count; i++)
        if (chosen(m, &all->places[h->ranks[i]], core))
            ranks[n++] = h->ranks[i];
    if (ranks != NULL)
        text = hosts_ranks_text(ranks, n);
    if (text != NULL && chosen == runs_there && strlen(text) > CELL_MAX)
        snprintf(text, CELL_MAX + 1, "%zu ranks", n);
    free(ranks);
    return text;
}

static int sheet_cells(sheet *s, const hosts *all, const host *h)
{
    s->cells = calloc(s->machine.count + 1, sizeof *s->cells);
    s->cell = 1;
    for (size_t i = 0; s->cells != NULL && i < s->machine.count; i++) {
        s->cells[i] = choose(all, h, runs_there, &s->machine, i);
        if (s->cells[i] == NULL)
            return -1;
        if ((int)strlen(s->cells[i]) > s->cell)
            s->cell = (int)strlen(s->cells[i]);
    }
    return s->cells != NULL ? 0 : -1;
}

/* ---------------------------------------------------------------------------------------- boxes */

static int same_row(const machine_core *a, const machine_core *b)
{
    return a->package == b->package && a->numa == b->numa;
}

/* Cores from this one on that are in the same package and NUMA node. */
static size_t row_of(const machine *m, size_t core)
{
    size_t end = core + 1;

    while (end < m->count && same_row(&m->cores[core], &m->cores[end]))
        end++;
    return end - core;
}

static size_t cells_in_a_line(const sheet *s)
{
    int fit = (WIDTH - s->label + 1) / (s->cell + 3);

    return fit > 1 ? (size_t)fit : 1;
}

/* As wide as the longest line needs, and for the longest title. */
static void sheet_width(sheet *s)
{
    const machine *m = &s->machine;
    size_t longest = 0;

    s->label = 0;
    for (size_t i = 0, row; i < m->count; i += row) {
        row = row_of(m, i);
        longest = row > longest ? row : longest;
        if (m->cores[i].numa >= 0)
            s->label = (int)sizeof "NUMA 000";
    }
    if (longest > cells_in_a_line(s))
        longest = cells_in_a_line(s);
    s->width = s->label + (int)longest * (s->cell + 3) - 1;
    if (s->width < (int)sizeof "package 000")
        s->width = (int)sizeof "package 000";
}

static void draw_rule(const sheet *s, const char *title)
{
    int used =
        fprintf(s->out, "+%s%s%s", *title != '\0' ? "- " : "", title, *title != '\0' ? " " : "");

    for (; used < s->width + 3; used++)
        putc('-', s->out);
    fputs("+\n", s->out);
}

static void draw_line(const sheet *s, const char *label, size_t core, size_t n)
{
    int used = fprintf(s->out, "| %-*s", s->label, label);

    for (size_t i = core; i < core + n; i++)
        used += fprintf(s->out, "%s[%-*s]", i > core ? " " : "", s->cell, s->cells[i]);
    fprintf(s->out, "%*s |\n", s->width + 2 - used, "");
}

static void draw_row(const sheet *s, size_t core, size_t n)
{
    size_t most = cells_in_a_line(s);
    char label[32] = "";

    if (s->machine.cores[core].numa >= 0)
        snprintf(label, sizeof label, "NUMA %d", s->machine.cores[core].numa);
    for (size_t i = 0; i < n; i += most) {
        draw_line(s, label, core + i, n - i < most ? n - i : most);
        *label = '\0';
    }
}

static void draw_boxes(const sheet *s)
{
    const machine *m = &s->machine;
    char title[32] = "";

    for (size_t i = 0, row; i < m->count; i += row) {
        row = row_of(m, i);
        if (i == 0 || m->cores[i].package != m->cores[i - 1].package) {
            if (m->cores[i].package >= 0)
                snprintf(title, sizeof title, "package %d", m->cores[i].package);
            draw_rule(s, title);
        }
        draw_row(s, i, row);
    }
    draw_rule(s, "");
}

/* ---------------------------------------------------------------------------------------- hosts */

static void print_count(FILE *out, const char *before, size_t n, const char *thing)
{
    fprintf(out, "%s%zu %s%s", before, n, thing, n == 1 ? "" : "s");
}

static int draw_title(const sheet *s, const host *h)
{
    const machine *m = &s->machine;
    char *ranks = hosts_ranks_text(h->ranks, h->count);

    if (ranks == NULL)
        return -1;
    fprintf(s->out, "%s: ", h->name);
    if (m->count == 0) {
        fputs("cores not known", s->out);
    } else {
        print_count(s->out, "", machine_packages(m), "package");
        print_count(s->out, ", ", m->count, "core");
        print_count(s->out, ", ", machine_units(m), "CPU");
    }
    fprintf(s->out, "; rank%s %s\n", h->count == 1 ? "" : "s", ranks);
    free(ranks);
    return 0;
}

/* A line for ranks that are in no box, if there are any. */
static int draw_others(const sheet *s, const hosts *all, const host *h, const char *where,
                       chosen_fn *chosen)
{
    char *ranks = choose(all, h, chosen, &s->machine, 0);

    if (ranks != NULL && *ranks != '\0')
        fprintf(s->out, "%s: %s\n", where, ranks);
    free(ranks);
    return ranks != NULL ? 0 : -1;
}

static int draw_alike(const sheet *s, const hosts *all, size_t first)
{
    char *names, *ranks;
    size_t count;
    int status = hosts_alike(all, first, &count, &names, &ranks);

    if (status == 0 && count > 0)
        fprintf(s->out, "%s (%zu host%s): same as %s; ranks %s\n", names, count,
                count == 1 ? "" : "s", all->list[first].name, ranks);
    free(names);
    free(ranks);
    return status;
}

static int draw_host(sheet *s, const hosts *all, size_t i)
{
    const host *h = &all->list[i];

    if (machine_read(&s->machine, h->machine) < 0 || sheet_cells(s, all, h) < 0 ||
        draw_title(s, h) < 0)
        return -1;
    if (s->machine.count > 0) {
        sheet_width(s);
        draw_boxes(s);
    }
    if (draw_others(s, all, h, "not bound", runs_anywhere) < 0 ||
        draw_others(s, all, h, "on other cores", runs_elsewhere) < 0 || draw_alike(s, all, i) < 0)
        return -1;
    putc('\n', s->out);
    return 0;
}

static void sheet_release(sheet *s)
{
    for (size_t i = 0; s->cells != NULL && i < s->machine.count; i++)
        free(s->cells[i]);
    free(s->cells);
    machine_release(&s->machine);
}

int picture_draw(FILE *out, const hosts *all)
{
    int status = 0;

    for (size_t i = 0; i < all->count && status == 0; i++) {
        sheet s = {.out = out};
        if (all->list[i].like != i)
            continue;
        status = draw_host(&s, all, i);
        sheet_release(&s);
    }
    return status;
}
