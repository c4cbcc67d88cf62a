#include "roster.h"
#include "machine.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

/* "sub-hub" is a rank that passes tasks on to others. */
static const char *role_of(const nave_place *place)
{
    if (place->rank == 0)
        return place->engine ? "hub, engine" : "hub";
    if (place->subhub == place->rank)
        return place->engine ? "sub-hub, engine" : "sub-hub";
    return "engine";
}

/* ---------------------------------------------------------------------------------------- table */

enum { ROLE, HOST, CPUS, COLUMNS };

static const char *cell(const nave_place *place, int column)
{
    switch (column) {
    case ROLE:
        return role_of(place);
    case HOST:
        return place->host;
    default:
        return *place->cpus != '\0' ? place->cpus : "?";
    }
}

static void print_number(FILE *out, int width, int n)
{
    if (n >= 0)
        fprintf(out, "  %*d", width, n);
    else
        fprintf(out, "  %*s", width, "?");
}

void roster_table(FILE *out, const hosts *all)
{
    static const char *const heads[COLUMNS] = {"role", "host", "CPUs"};
    int widths[COLUMNS];

    for (int column = 0; column < COLUMNS; column++) {
        widths[column] = (int)strlen(heads[column]);
        for (size_t rank = 0; rank < all->ranks; rank++) {
            int width = (int)strlen(cell(&all->places[rank], column));
            widths[column] = width > widths[column] ? width : widths[column];
        }
    }
    fprintf(out, "%5s  %-*s  %-*s  %-*s  %5s  %7s  %4s  %5s  %8s\n", "rank", widths[ROLE],
            heads[ROLE], widths[HOST], heads[HOST], widths[CPUS], heads[CPUS], "cores", "package",
            "NUMA", "bound", "process");
    for (size_t rank = 0; rank < all->ranks; rank++) {
        const nave_place *place = &all->places[rank];
        fprintf(out, "%5d", place->rank);
        for (int column = 0; column < COLUMNS; column++)
            fprintf(out, "  %-*s", widths[column], cell(place, column));
        print_number(out, 5, place->cores > 0 ? place->cores : -1);
        print_number(out, 7, place->package);
        print_number(out, 4, place->numa);
        fprintf(out, "  %5s  %8ld\n", place->bound ? "yes" : "no", place->pid);
    }
}

/* ----------------------------------------------------------------------------------------- JSON */

static int add_host(cJSON *list, const host *h)
{
    cJSON *object = cJSON_CreateObject();
    machine m;

    if (machine_read(&m, h->machine) < 0) {
        machine_release(&m);
        cJSON_Delete(object);
        return -1;
    }
    cJSON_AddItemToArray(list, object);
    cJSON_AddStringToObject(object, "host", h->name);
    cJSON_AddNumberToObject(object, "packages", (double)machine_packages(&m));
    cJSON_AddNumberToObject(object, "cores", (double)m.count);
    cJSON_AddNumberToObject(object, "cpus", (double)machine_units(&m));
    cJSON_AddStringToObject(object, "machine", h->machine);
    cJSON_AddItemToObject(object, "ranks", cJSON_CreateIntArray(h->ranks, (int)h->count));
    machine_release(&m);
    return 0;
}

static void add_place(cJSON *list, const nave_place *place)
{
    cJSON *object = cJSON_CreateObject();

    cJSON_AddItemToArray(list, object);
    cJSON_AddNumberToObject(object, "rank", place->rank);
    cJSON_AddBoolToObject(object, "hub", place->rank == 0);
    cJSON_AddBoolToObject(object, "engine", place->engine);
    cJSON_AddNumberToObject(object, "subhub", place->subhub);
    cJSON_AddStringToObject(object, "host", place->host);
    cJSON_AddNumberToObject(object, "node", place->node);
    cJSON_AddStringToObject(object, "cpus", place->cpus);
    cJSON_AddNumberToObject(object, "cores", place->cores);
    cJSON_AddBoolToObject(object, "bound", place->bound);
    cJSON_AddNumberToObject(object, "package", place->package);
    cJSON_AddNumberToObject(object, "numa", place->numa);
    cJSON_AddNumberToObject(object, "pid", (double)place->pid);
}

static int engines_of(const hosts *all)
{
    int engines = 0;

    for (size_t rank = 0; rank < all->ranks; rank++)
        engines += all->places[rank].engine != 0;
    return engines;
}

int roster_json(FILE *out, const hosts *all)
{
    cJSON *object = cJSON_CreateObject(), *list;
    char *text = NULL;
    int status = 0;

    cJSON_AddStringToObject(object, "version", NAVE_VERSION);
    cJSON_AddNumberToObject(object, "ranks", (double)all->ranks);
    cJSON_AddNumberToObject(object, "engines", engines_of(all));
    list = cJSON_AddArrayToObject(object, "hosts");
    for (size_t i = 0; i < all->count && status == 0; i++)
        status = add_host(list, &all->list[i]);
    list = cJSON_AddArrayToObject(object, "places");
    for (size_t rank = 0; rank < all->ranks; rank++)
        add_place(list, &all->places[rank]);
    if (status == 0)
        text = cJSON_PrintUnformatted(object);
    if (text != NULL)
        fprintf(out, "%s\n", text);
    free(text);
    cJSON_Delete(object);
    return text != NULL ? 0 : -1;
}
