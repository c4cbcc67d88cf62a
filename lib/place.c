/* place - see place.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "place.h"
#include "error_mpi.h"
#include "topo.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct nv_topo_cpus cpus;

/* What each rank tells rank 0. */
struct record {
    struct nv_topo_site site;
    struct nv_topo_use use; /* of its host */
    int first;              /* the lowest rank of its host */
    int text;               /* size of the machine's text, on that rank; 0: none */
    long pid;
    char host[64];
};

struct nv_places {
    MPI_Comm mpi;                    /* the caller's */
    int rank, size;                  /* in mpi */
    MPI_Comm host;                   /* the ranks of this host; only while opening */
    int inner, near;                 /* rank and size in host */
    struct nv_topo_machine *machine; /* thin but on the first rank of a host; NULL: not known */
    struct record mine;
    bool bound; /* by us, from `before` to mine.site.cpus */
    cpus before;
    char *text;             /* of the machine, on the first rank of a host */
    struct record *records; /* from here on rank 0 only */
    nave_place *list;
    char *texts; /* of all hosts, each with its zero */
};

/* ------------------------------------------------------------------------------------ this rank */

/* The user says no, or there are ranks that this farm does not know of, and they need cores too. */
static bool hands_off(const struct nv_places *places)
{
    const char *wish = getenv("NAVE_BIND");
    MPI_Comm parent = MPI_COMM_NULL;
    int world = 0;
    MPI_Comm_size(MPI_COMM_WORLD, &world);
    MPI_Comm_get_parent(&parent);
    return (wish != NULL && strcmp(wish, "none") == 0) || places->size < world ||
           (places->size == world && parent != MPI_COMM_NULL);
}

/* Threads that somebody has bound one by one are better left where they are. */
static bool bind_to(struct nv_places *places, const cpus *to)
{
    cpus now = nv_topo_look(places->machine, NV_TOPO_PROCESS);
    places->bound =
        nv_topo_same(&now, &places->before) && nv_topo_bind(places->machine, to, NV_TOPO_PROCESS);
    return places->bound;
}

/* Threads that others have bound since then stay so. */
static void unbind(struct nv_places *places)
{
    const cpus *ours = &places->mine.site.cpus;
    cpus process = nv_topo_look(places->machine, NV_TOPO_PROCESS);
    cpus thread = nv_topo_look(places->machine, NV_TOPO_THREAD);
    if (nv_topo_same(&process, ours))
        nv_topo_bind(places->machine, &places->before, NV_TOPO_PROCESS);
    else if (nv_topo_same(&thread, ours))
        nv_topo_bind(places->machine, &places->before, NV_TOPO_THREAD);
    places->bound = false;
}

/* ------------------------------------------------------------------------------------- one host */

/* What a rank tells the first of its host, and what that answers. */
struct request {
    cpus has;
    bool hands_off;
};

struct answer {
    bool bind;
    struct nv_topo_site kept, bound; /* if it does not bind itself; if it does */
    struct nv_topo_use use;
};

/* What the first rank of a host needs to decide, an element for each rank. */
struct table {
    struct request *requests;
    struct answer *answers;
    cpus *has, *shares;
};

static void table_release(struct table *table)
{
    free(table->requests);
    free(table->answers);
    free(table->has);
    free(table->shares);
    *table = (struct table){0};
}

/* All of it or nothing. */
static bool table_init(struct table *table, int n)
{
    table->requests = calloc((size_t)n, sizeof *table->requests);
    table->answers = calloc((size_t)n, sizeof *table->answers);
    table->has = calloc((size_t)n, sizeof *table->has);
    table->shares = calloc((size_t)n, sizeof *table->shares);
    if (table->requests != NULL && table->answers != NULL && table->has != NULL &&
        table->shares != NULL)
        return true;
    table_release(table);
    return false;
}

/* From requests to answers. */
static void decide(const struct nv_topo_machine *machine, struct table *table, int n, int hub)
{
    bool bind = true;
    struct nv_topo_use use;
    for (int i = 0; i < n; i++) {
        table->has[i] = table->requests[i].has;
        bind = bind && !table->requests[i].hands_off;
    }
    bind = bind && nv_topo_share(machine, table->has, n, hub, table->shares);
    use = nv_topo_use_of(machine, table->has, n);
    for (int i = 0; i < n; i++) {
        struct answer *answer = &table->answers[i];
        answer->bind = bind;
        answer->kept = nv_topo_describe(machine, &table->has[i]);
        answer->bound = bind ? nv_topo_describe(machine, &table->shares[i]) : answer->kept;
        answer->use = use;
    }
}

static int settle(struct nv_places *places, struct table *table)
{
    struct request request = {.hands_off = true};
    struct answer answer;
    int rc;
    if (places->machine != NULL) {
        request.has = places->before = nv_topo_look(places->machine, NV_TOPO_THREAD);
        request.hands_off = hands_off(places);
    }
    rc = MPI_Gather(&request, (int)sizeof request, MPI_BYTE, table->requests, (int)sizeof request,
                    MPI_BYTE, 0, places->host);
    if (rc == MPI_SUCCESS && table->requests != NULL)
        decide(places->machine, table, places->near, places->rank == 0 ? 0 : -1);
    if (rc == MPI_SUCCESS)
        rc = MPI_Scatter(table->answers, (int)sizeof answer, MPI_BYTE, &answer, (int)sizeof answer,
                         MPI_BYTE, 0, places->host);
    if (rc != MPI_SUCCESS)
        return rc;
    places->mine.use = answer.use;
    places->mine.site =
        answer.bind && bind_to(places, &answer.bound.cpus) ? answer.bound : answer.kept;
    return MPI_SUCCESS;
}

/* The first rank of a host asks the system.  Returns how many units there are; 0: it cannot say. */
static int ask(struct nv_places *places, struct table *table)
{
    places->machine = nv_topo_machine_new(NULL);
    if (places->machine == NULL || !table_init(table, places->near))
        return 0;
    places->text = nv_topo_text(places->machine);
    places->mine.text = places->text != NULL ? (int)strlen(places->text) + 1 : 0;
    return nv_topo_units(places->machine);
}

static int settle_host(struct nv_places *places)
{
    struct table table = {0};
    int said[2] = {places->rank, 0}; /* the first rank of the host; units */
    int rc;
    if (places->inner == 0)
        said[1] = ask(places, &table);
    rc = MPI_Bcast(said, 2, MPI_INT, 0, places->host);
    places->mine.first = said[0];
    if (rc == MPI_SUCCESS && said[1] > 0) {
        if (places->inner != 0)
            places->machine = nv_topo_machine_thin(said[1]);
        rc = settle(places, &table);
    }
    table_release(&table);
    return rc;
}

/* ------------------------------------------------------------------------------------ all hosts */

static const char nothing[] = "";

static int gather_records(struct nv_places *places)
{
    struct record *mine = &places->mine;
    gethostname(mine->host, sizeof mine->host - 1);
    mine->pid = (long)getpid();
    return MPI_Gather(mine, (int)sizeof *mine, MPI_BYTE, places->records, (int)sizeof *mine,
                      MPI_BYTE, 0, places->mpi);
}

/* Room on rank 0 for the texts of all hosts: one after the other, in order of rank. */
static bool texts_init(struct nv_places *places, int **sizes, int **starts)
{
    int sum = 0;
    *sizes = calloc((size_t)places->size, sizeof **sizes);
    *starts = calloc((size_t)places->size, sizeof **starts);
    for (int rank = 0; *sizes != NULL && *starts != NULL && rank < places->size; rank++) {
        (*sizes)[rank] = places->records[rank].text;
        (*starts)[rank] = sum;
        sum += (*sizes)[rank];
    }
    places->texts = calloc(1, (size_t)sum + 1);
    return *sizes != NULL && *starts != NULL && places->texts != NULL;
}

static int gather_texts(struct nv_places *places)
{
    int *sizes = NULL, *starts = NULL;
    int go = places->rank == 0 ? texts_init(places, &sizes, &starts) : 0;
    int rc = MPI_Bcast(&go, 1, MPI_INT, 0, places->mpi);
    if (rc == MPI_SUCCESS && go)
        rc = MPI_Gatherv(places->text, places->mine.text, MPI_CHAR, places->texts, sizes, starts,
                         MPI_CHAR, 0, places->mpi);
    for (int rank = 0; places->rank == 0 && !go && rank < places->size; rank++)
        places->records[rank].text = 0;
    free(sizes);
    free(starts);
    return rc;
}

/* Everything that does not depend on other ranks.  false: out of memory. */
static bool fill(nave_place *place, int rank, const struct record *record)
{
    char *list = nv_topo_list(&record->site.cpus);
    *place = (nave_place){.rank = rank,
                          .engine = 1,
                          .host = record->host,
                          .cores = record->site.cores,
                          .bound = record->site.bound,
                          .cpus = list != NULL ? list : nothing,
                          .package = record->site.package,
                          .numa = record->site.numa,
                          .pid = record->pid};
    return list != NULL;
}

/* The first rank of a host is never above the others. */
static int make_list(struct nv_places *places, struct nv_error *error)
{
    const char *text = places->texts;
    int hosts = 0;
    for (int rank = 0; rank < places->size; rank++) {
        const struct record *record = &places->records[rank];
        nave_place *place = &places->list[rank], *first = &places->list[record->first];
        if (!fill(place, rank, record))
            return nv_error_set(error, NAVE_ENOMEM, "no memory for the places of the ranks");
        if (first == place) {
            place->machine = record->text > 0 ? text : nothing;
            place->node = hosts++;
            text += record->text;
        }
        place->machine = first->machine;
        place->node = first->node;
    }
    return NAVE_OK;
}

/* ------------------------------------------------------------------------------ open and close */

static int find_host(struct nv_places *places)
{
    int rc = MPI_Comm_split_type(places->mpi, MPI_COMM_TYPE_SHARED, places->rank, MPI_INFO_NULL,
                                 &places->host);
    if (rc == MPI_SUCCESS) {
        MPI_Comm_rank(places->host, &places->inner);
        MPI_Comm_size(places->host, &places->near);
    }
    return rc;
}

/* NULL: out of memory. */
static struct nv_places *places_new(MPI_Comm mpi)
{
    struct nv_places *places = calloc(1, sizeof *places);
    if (places == NULL)
        return NULL;
    places->mpi = mpi;
    places->host = MPI_COMM_NULL;
    places->mine.site.package = places->mine.site.numa = -1;
    MPI_Comm_rank(mpi, &places->rank);
    MPI_Comm_size(mpi, &places->size);
    if (places->rank != 0)
        return places;
    places->records = calloc((size_t)places->size, sizeof *places->records);
    places->list = calloc((size_t)places->size, sizeof *places->list);
    if (places->records != NULL && places->list != NULL)
        return places;
    nv_places_close(places);
    return NULL;
}

/* Host by host, then all. */
static int exchange(struct nv_places *places)
{
    int rc = find_host(places);
    if (rc == MPI_SUCCESS)
        rc = settle_host(places);
    if (rc == MPI_SUCCESS)
        rc = gather_records(places);
    if (rc == MPI_SUCCESS)
        rc = gather_texts(places);
    if (places->host != MPI_COMM_NULL)
        MPI_Comm_free(&places->host);
    return rc;
}

int nv_places_open(MPI_Comm mpi, struct nv_error *error, struct nv_places **out)
{
    struct nv_places *places = places_new(mpi);
    int here = places != NULL, everywhere = 0;
    int rc = MPI_Allreduce(&here, &everywhere, 1, MPI_INT, MPI_MIN, mpi);
    *out = NULL;
    if (rc == MPI_SUCCESS && !everywhere) {
        nv_places_close(places);
        return nv_error_set(error, NAVE_ENOMEM, "no memory for the places of the ranks");
    }
    if (rc == MPI_SUCCESS)
        rc = exchange(places);
    rc = nv_error_mpi(error, rc, "telling each other where the ranks are");
    if (rc == NAVE_OK && places->rank == 0)
        rc = make_list(places, error);
    if (rc == NAVE_OK)
        *out = places;
    else
        nv_places_close(places);
    return rc;
}

void nv_places_close(struct nv_places *places)
{
    if (places == NULL)
        return;
    if (places->bound)
        unbind(places);
    nv_topo_machine_free(places->machine);
    for (int rank = 0; places->list != NULL && rank < places->size; rank++)
        if (places->list[rank].cpus != nothing)
            free((char *)(uintptr_t)places->list[rank].cpus);
    free(places->text);
    free(places->texts);
    free(places->list);
    free(places->records);
    free(places);
}

nave_place *nv_places_list(struct nv_places *places)
{
    return places->list;
}

/* ------------------------------------------------------------------------------------- warnings */

static int ranks_of(const struct nv_places *places, int first)
{
    int ranks = 0;
    for (int rank = first; rank < places->size; rank++)
        ranks += places->records[rank].first == first;
    return ranks;
}

void nv_places_warn(const struct nv_places *places, const struct nv_error *error)
{
    for (int rank = 0; rank < places->size; rank++) {
        const struct record *record = &places->records[rank];
        int ranks = record->first == rank ? ranks_of(places, rank) : 0;
        if (ranks > 1 && record->use.crowd > 1 && record->use.idle > 0) {
            nv_error_warn(error,
                          "%d ranks are bound to one core of %s (CPU %d; cores without a rank: "
                          "%d): have the launcher bind them to others, or not at all",
                          record->use.crowd, record->host, record->use.core, record->use.idle);
            return;
        }
        if (record->use.cores > 0 && ranks > record->use.cores) {
            nv_error_warn(error, "%d ranks share the %d cores of %s", ranks, record->use.cores,
                          record->host);
            return;
        }
    }
}
