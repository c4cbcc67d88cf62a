#include "hosts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------------- grouping */

static void name_hosts(hosts *all)
{
    for (size_t i = 0; i < all->count; i++)
        all->list[i].name = all->list[i].machine = "";
    for (size_t rank = all->ranks; rank-- > 0;) {
        host *h = &all->list[all->places[rank].node];
        h->name = all->places[rank].host;
        h->machine = all->places[rank].machine;
        h->count++;
    }
}

static void sort_ranks(hosts *all)
{
    size_t start = 0, *filled = calloc(all->count + 1, sizeof *filled);

    if (filled == NULL) {
        free(all->order);
        all->order = NULL;
        return;
    }
    for (size_t i = 0; i < all->count; i++) {
        all->list[i].ranks = all->order + start;
        start += all->list[i].count;
    }
    for (size_t rank = 0; rank < all->ranks; rank++) {
        size_t i = (size_t)all->places[rank].node;
        all->order[(size_t)(all->list[i].ranks - all->order) + filled[i]++] = (int)rank;
    }
    free(filled);
}

static int alike(const hosts *all, const host *a, const host *b)
{
    if (a->count != b->count || strcmp(a->machine, b->machine) != 0)
        return 0;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(all->places[a->ranks[i]].cpus, all->places[b->ranks[i]].cpus) != 0)
            return 0;
    return 1;
}

static void find_alike(hosts *all)
{
    for (size_t i = 0; i < all->count; i++) {
        all->list[i].like = i;
        for (size_t j = 0; j < i && all->list[i].like == i; j++)
            if (all->list[j].like == j && alike(all, &all->list[i], &all->list[j]))
                all->list[i].like = j;
    }
}

int hosts_read(hosts *all, const nave_place *places, size_t n)
{
    *all = (hosts){.places = places, .ranks = n};
    for (size_t rank = 0; rank < n; rank++)
        if ((size_t)places[rank].node >= all->count)
            all->count = (size_t)places[rank].node + 1;
    all->list = calloc(all->count + 1, sizeof *all->list);
    all->order = calloc(n + 1, sizeof *all->order);
    if (all->list == NULL || all->order == NULL)
        return -1;
    name_hosts(all);
    sort_ranks(all);
    if (all->order == NULL)
        return -1;
    find_alike(all);
    return 0;
}

void hosts_release(hosts *all)
{
    free(all->list);
    free(all->order);
}

/* ----------------------------------------------------------------------------------------- text */

/* Ranks must be in order; the hub stands alone, for its star. */
char *hosts_ranks_text(const int *ranks, size_t n)
{
    char *text = NULL;
    size_t size, next;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < n; i = next) {
        for (next = i + 1; next < n && ranks[i] > 0 && ranks[next] == ranks[next - 1] + 1;)
            next++;
        fprintf(out, "%s%d%s", i > 0 ? "," : "", ranks[i], ranks[i] == 0 ? "*" : "");
        if (next - i > 1)
            fprintf(out, "%c%d", next - i > 2 ? '-' : ',', ranks[next - 1]);
    }
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* Where the number of a host is within its name: the last digits in front of any dot.  Returns how
 * many digits, 0: none. */
static size_t find_number(const char *name, size_t *start)
{
    size_t end = strcspn(name, ".");

    while (end > 0 && (name[end - 1] < '0' || name[end - 1] > '9'))
        end--;
    *start = end;
    while (*start > 0 && name[*start - 1] >= '0' && name[*start - 1] <= '9')
        --*start;
    return end - *start;
}

/* Whether b's name is that of the host that is counted next after a's. */
static int follows(const char *a, const char *b)
{
    size_t at, at_b, digits = find_number(a, &at), digits_b = find_number(b, &at_b);

    if (digits == 0 || digits > 9 || digits_b == 0 || digits_b > 9 || at != at_b)
        return 0;
    if (digits != digits_b && b[at] == '0')
        return 0; /* zeros in front count as part of a name */
    return strncmp(a, b, at) == 0 && strcmp(a + at + digits, b + at + digits_b) == 0 &&
           strtol(b + at, NULL, 10) == strtol(a + at, NULL, 10) + 1;
}

static void print_names(FILE *out, const hosts *all, const size_t *which, size_t n)
{
    for (size_t i = 0, next; i < n; i = next) {
        const char *name = all->list[which[i]].name, *last = name;
        for (next = i + 1; next < n && follows(last, all->list[which[next]].name); next++)
            last = all->list[which[next]].name;
        fprintf(out, "%s%s", i > 0 ? "," : "", name);
        if (last != name)
            fprintf(out, "-%s", last);
    }
}

static char *names_text(const hosts *all, const size_t *which, size_t n)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        return NULL;
    print_names(out, all, which, n);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

/* All ranks of these hosts, in order. */
static char *ranks_of(const hosts *all, size_t first)
{
    int *ranks = calloc(all->ranks + 1, sizeof *ranks);
    char *text = NULL;
    size_t n = 0;

    for (size_t rank = 0; ranks != NULL && rank < all->ranks; rank++) {
        size_t at = (size_t)all->places[rank].node;
        if (at != first && all->list[at].like == first)
            ranks[n++] = (int)rank;
    }
    if (ranks != NULL)
        text = hosts_ranks_text(ranks, n);
    free(ranks);
    return text;
}

int hosts_alike(const hosts *all, size_t first, size_t *count, char **names, char **ranks)
{
    size_t *which = calloc(all->count + 1, sizeof *which);

    *count = 0;
    *names = *ranks = NULL;
    if (which == NULL)
        return -1;
    for (size_t i = first + 1; i < all->count; i++)
        if (all->list[i].like == first)
            which[(*count)++] = i;
    *names = names_text(all, which, *count);
    *ranks = ranks_of(all, first);
    free(which);
    return *names != NULL && *ranks != NULL ? 0 : -1;
}
