/* nave - open, serve, close, run.
 *
 * Design notes.  nave_open() is a row of collective steps.  A rank that finds something wrong goes
 * on to the next agreement and says so there; then all fail with the same code and the same words.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "clock.h"
#include "door.h"
#include "drain.h"
#include "engine.h"
#include "error_mpi.h"
#include "finalize.h"
#include "future.h"
#include "group.h"
#include "hub.h"
#include "journal.h"
#include "loss.h"
#include "place.h"
#include "plugin.h"
#include "sentry.h"
#include "serve.h"
#include "steer.h"
#include "subhub.h"
#include "vigil.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define END_SECONDS 2.0  /* of the job's time that are kept free for its end */
#define LAST_SECONDS 5.0 /* for frames to leave, where ranks are gone */

/* ----------------------------------------------------------------------------------- agreements */

/* The lowest code of all ranks, with the words of the first that has it: the same words everywhere,
 * which name that rank unless all of them failed so. */
static int agree(nave *ctx, int rc)
{
    struct {
        int code, rank;
    } mine[2] = {{rc, ctx->rank}, {-rc, ctx->rank}}, least[2];
    char text[sizeof ctx->error.text];
    MPI_Allreduce(mine, least, 2, MPI_2INT, MPI_MINLOC, ctx->mpi);
    if (least[0].code == NAVE_OK)
        return NAVE_OK;
    memcpy(text, ctx->error.text, sizeof text);
    MPI_Bcast(text, (int)sizeof text, MPI_CHAR, least[0].rank, ctx->mpi);
    if (least[0].code == -least[1].code)
        return nv_error_note(&ctx->error, least[0].code, "%s", text);
    return nv_error_note(&ctx->error, least[0].code, "rank %d: %.3900s", least[0].rank, text);
}

/* What must be the same on all ranks; a rank with another library may have a struct of another
 * size, so it is numbers, smallest and largest. */
static int agree_on_library(nave *ctx)
{
    int64_t mine[4] = {0}, all[4];
    const uint16_t one = 1;
    for (const char *c = NAVE_VERSION; *c != '\0'; c++)
        mine[0] = (mine[0] * 31 + *c) % 1000003;
    mine[1] = -mine[0];
    mine[2] = (int64_t)(sizeof(void *) << 8) + *(const unsigned char *)&one;
    mine[3] = -mine[2];
    MPI_Allreduce(mine, all, 4, MPI_INT64_T, MPI_MIN, ctx->mpi);
    if (all[0] != -all[1])
        return nv_error_set(&ctx->error, NAVE_EDISAGREE,
                            "ranks run different versions of Nave (this one " NAVE_VERSION ")");
    if (all[2] != -all[3])
        return nv_error_set(&ctx->error, NAVE_EDISAGREE,
                            "ranks run on different architectures, which raw bytes do not survive");
    return NAVE_OK;
}

/* --------------------------------------------------------------------------------- local checks */

static long env_number(const char *name)
{
    const char *text = getenv(name);
    return text != NULL ? strtol(text, NULL, 10) : 0;
}

/* A world of one rank, though a launcher says that it started several: that of another MPI. */
static int check_launch(nave *ctx, const nave_options *opt)
{
    static const char *const sizes[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS",
                                        "SLURM_STEP_NUM_TASKS", "PALS_NRANKS"};
    int world = 0;
    MPI_Comm_size(MPI_COMM_WORLD, &world);
    if (opt->ranks > 0 && opt->ranks != ctx->size)
        return nv_error_set(&ctx->error, NAVE_ELAUNCH,
                            "%d ranks are needed, but the communicator has %d", opt->ranks,
                            ctx->size);
    for (size_t i = 0; world == 1 && i < sizeof sizes / sizeof *sizes; i++) {
        long said = env_number(sizes[i]);
        if (i == 0 && said == 1)
            return NAVE_OK; /* this MPI's own launcher: one rank was meant */
        if (said > 1)
            return nv_error_set(&ctx->error, NAVE_ELAUNCH,
                                "the launcher started %ld processes (%s), but each is alone in its "
                                "MPI_COMM_WORLD: start the program with the mpirun of the MPI that "
                                "it was built with",
                                said, sizes[i]);
    }
    return NAVE_OK;
}

static bool doubled(const nave_op *ops, size_t i)
{
    for (size_t j = 0; ops[i].name != NULL && j < i; j++)
        if (strcmp(ops[i].name, ops[j].name) == 0)
            return true;
    return false;
}

static int check_ops(nave *ctx, const nave_options *opt)
{
    if (opt->op_count > 0 && opt->ops == NULL)
        return nv_error_set(&ctx->error, NAVE_EINVAL, "op_count is %zu, but ops is NULL",
                            opt->op_count);
    for (size_t i = 0; i < opt->op_count; i++)
        if (doubled(opt->ops, i))
            return nv_error_set(&ctx->error, NAVE_EINVAL, "two operations are named '%s'",
                                opt->ops[i].name);
        else if (!nv_name_ok(opt->ops[i].name) || opt->ops[i].op == MPI_OP_NULL)
            return nv_error_set(&ctx->error, NAVE_EINVAL,
                                "operation %zu has no handle, no name, or one of over 127 bytes",
                                i);
    return NAVE_OK;
}

static int copy_ops(nave *ctx, const nave_options *opt)
{
    ctx->ops = calloc(opt->op_count + 1, sizeof *ctx->ops);
    if (ctx->ops == NULL)
        return nv_error_set(&ctx->error, NAVE_ENOMEM, "no memory for the operations");
    for (; ctx->op_count < opt->op_count; ctx->op_count++) {
        const nave_op *op = &opt->ops[ctx->op_count];
        ctx->ops[ctx->op_count] = (nave_op){strdup(op->name), op->op};
        if (ctx->ops[ctx->op_count].name == NULL)
            return nv_error_set(&ctx->error, NAVE_ENOMEM, "no memory for the operations");
    }
    return NAVE_OK;
}

static int check_local(nave *ctx, const nave_options *opt)
{
    int rc = check_launch(ctx, opt);
    if (rc == NAVE_OK)
        rc = nv_kernels_check(opt->kernels, opt->kernel_count, &ctx->error);
    if (rc == NAVE_OK)
        rc = check_ops(ctx, opt);
    return rc == NAVE_OK ? copy_ops(ctx, opt) : rc;
}

/* -------------------------------------------------------------------------------------- opening */

/* Before the first agreement: is there a communicator to agree over? */
static int take_comm(nave *ctx, MPI_Comm comm)
{
    int up = 0, down = 0, inter = 0;
    int rc;
    MPI_Initialized(&up);
    MPI_Finalized(&down);
    if (!up || down)
        return nv_error_set(&ctx->error, NAVE_EINVAL, "MPI is not initialised");
    if (comm == MPI_COMM_NULL)
        return nv_error_set(&ctx->error, NAVE_EINVAL, "the communicator is MPI_COMM_NULL");
    rc = MPI_Comm_test_inter(comm, &inter);
    if (rc == MPI_SUCCESS && inter)
        return nv_error_set(&ctx->error, NAVE_EINVAL, "an intercommunicator makes no farm");
    if (rc == MPI_SUCCESS)
        rc = MPI_Comm_dup(comm, &ctx->mpi);
    if (rc != MPI_SUCCESS)
        return nv_error_mpi(&ctx->error, rc, "duplicating the communicator");
    MPI_Comm_set_errhandler(ctx->mpi, MPI_ERRORS_RETURN);
    MPI_Comm_rank(ctx->mpi, &ctx->rank);
    MPI_Comm_size(ctx->mpi, &ctx->size);
    return NAVE_OK;
}

/* What an option of rank 0 says, or the environment where it says nothing. */
static const char *said(const char *option, const char *variable)
{
    const char *text = option != NULL ? option : getenv(variable);
    return text != NULL && *text != '\0' ? text : NULL;
}

static bool takes_plugins(const nave_options *opt)
{
    return opt->allow_plugins || env_number("NAVE_PLUGINS") == 1;
}

/* Rank 0 decides whether there is a door, and whether kernels may come through it. */
static void agree_on_door(nave *ctx, const nave_options *opt)
{
    int door[2] = {said(opt->connection, "NAVE_CONNECTION") != NULL, 0};
    door[1] = door[0] && takes_plugins(opt);
    MPI_Bcast(door, 2, MPI_INT, 0, ctx->mpi);
    ctx->has_door = door[0] != 0;
    ctx->takes_plugins = door[1] != 0;
}

/* The name of the process, for a job without one. */
static const char *own_name(char *text, size_t room)
{
    FILE *file = fopen("/proc/self/comm", "r");
    text[0] = '\0';
    if (file != NULL && fgets(text, (int)room, file) != NULL)
        text[strcspn(text, "\n")] = '\0';
    if (file != NULL)
        fclose(file);
    return text[0] != '\0' ? text : "job";
}

static int open_door(nave *ctx, const nave_options *opt)
{
    char name[64];
    const char *listen = said(opt->listen, "NAVE_LISTEN");
    struct nv_door_spec spec = {.file = said(opt->connection, "NAVE_CONNECTION"),
                                .listen = listen != NULL ? listen : "127.0.0.1",
                                .program = opt->program != NULL ? opt->program : "",
                                .plugins = ctx->takes_plugins,
                                .by_default = opt->connection == NULL};
    spec.job = opt->job != NULL ? opt->job : spec.program;
    if (spec.job[0] == '\0')
        spec.job = own_name(name, sizeof name);
    return ctx->rank == 0 && ctx->has_door ? nv_door_open(ctx, &spec) : NAVE_OK;
}

static int some_kernel(nave *ctx)
{
    size_t engines = ctx->has_door;
    for (size_t i = NV_KERNEL_OWN; ctx->rank == 0 && i < ctx->kernels.count; i++)
        engines += ctx->kernels.engines[i]->count;
    if (ctx->rank == 0 && engines == 0)
        return nv_error_set(&ctx->error, NAVE_EINVAL, "no engine has any kernel");
    return NAVE_OK;
}

/* Rank 0 works when it may and can. */
static void agree_on_hub(nave *ctx, const nave_options *opt)
{
    int works = ctx->size == 1 || (ctx->takes_plugins && !opt->idle_hub);
    for (size_t i = 0; i < opt->kernel_count && !opt->idle_hub; i++)
        works = works || nv_kernel_beside(opt->kernels[i].flags, ctx->size);
    MPI_Bcast(&works, 1, MPI_INT, 0, ctx->mpi);
    ctx->hub_works = works != 0;
}

/* Whether the launcher lets the other ranks live when one has died. */
static bool launcher_recovers(void)
{
    const char *text = getenv("OMPI_MCA_orte_enable_recovery");
    return text != NULL && (strtol(text, NULL, 10) != 0 || strcmp(text, "true") == 0);
}

/* See nave_options.recover.  Rank 0 decides. */
static int agree_on_recovery(nave *ctx, const nave_options *opt)
{
    bool lives = launcher_recovers();
    int said[2] = {lives && ctx->size > 1, lives && ctx->size > 1 && opt->recover >= 0};
    int rc = NAVE_OK;
    MPI_Bcast(said, 2, MPI_INT, 0, ctx->mpi);
    ctx->recovers = said[1] != 0;
    ctx->min_engines = opt->min_engines;
    ctx->stall_limit = ctx->recovers ? opt->stall_limit : 0;
    if (ctx->rank == 0 && opt->recover > 0 && !lives && ctx->size > 1)
        nv_error_warn(&ctx->error,
                      "the launcher will end the whole job when one rank dies; Open MPI's "
                      "lets the others go on with mpirun --enable-recovery");
    if (said[0])
        rc = nv_vigil_open(ctx->mpi, &ctx->error, &ctx->vigil);
    if (ctx->vigil != NULL)
        rc = nv_sentry_start(ctx->vigil, &ctx->error, &ctx->sentry);
    if (ctx->recovers)
        ctx->by_blocks = true;
    return rc;
}

/* Results come to the hub in frames: so many at a time that it can take in those of all engines. */
static double patience(int ranks)
{
    return 1.5e-6 * ranks > 200e-6 ? 1.5e-6 * ranks : 200e-6;
}

static bool is_subhub(const nave *ctx, int rank)
{
    return ctx->leaders != NULL && rank > 0 && ctx->leaders[rank] == rank;
}

/* What this rank gets from others. */
static int open_comm(nave *ctx)
{
    bool hub = ctx->rank == 0, subhub = is_subhub(ctx, ctx->rank);
    const bool listen[NV_LANES] = {[NV_TO_ENGINE] = !hub,
                                   [NV_TO_HUB] = (hub && ctx->size > 1) || subhub,
                                   [NV_TO_SUBHUB] = subhub,
                                   [NV_FROM_SUBHUB] = hub && ctx->leaders != NULL};
    return nv_comm_open(ctx->mpi, listen, ctx->bells, &ctx->error, &ctx->comm);
}

/* The groups of engines, where there are any, and what their sub-hubs have to know. */
static int make_groups(nave *ctx, const nave_options *opt, const char *host, int **everywhere)
{
    bool engine = ctx->rank != 0 || ctx->hub_works;
    int group = ctx->recovers || ctx->takes_plugins ? -1 : opt->group;
    int rc = agree(ctx, nv_groups_agree(ctx->mpi, host, engine, &ctx->kernels, group, &ctx->error,
                                        &ctx->leaders));
    if (rc == NAVE_OK && ctx->leaders != NULL)
        rc = agree(
            ctx, nv_groups_kernels(ctx->mpi, ctx->leaders, &ctx->kernels, &ctx->error, everywhere));
    return rc;
}

/* Rank 0 schedules, with an engine beside it, and so do sub-hubs; others run kernels; one that is
 * alone does both in turn. */
static int make_parts(nave *ctx, int *everywhere)
{
    bool alone = ctx->size == 1, subhub = is_subhub(ctx, ctx->rank);
    struct nv_engine_spec spec = {.mpi = ctx->mpi,
                                  .rank = ctx->rank,
                                  .kernels = &ctx->kernels,
                                  .ops = ctx->ops,
                                  .op_count = ctx->op_count,
                                  .user = ctx->user,
                                  .snapshots = nv_steer_snapshots(ctx->steer),
                                  .patience = patience(ctx->size),
                                  .error = &ctx->error};
    int rc = nv_bells_open(ctx->mpi, NV_BELL_FUTEX, &ctx->error, &ctx->bells);
    if (rc == NAVE_OK)
        ctx->crowded = nv_bells_near(ctx->bells) > sysconf(_SC_NPROCESSORS_ONLN);
    if (rc == NAVE_OK)
        rc = open_comm(ctx);
    if (rc == NAVE_OK && nv_bells_kind(ctx->bells) != NV_BELL_NONE)
        spec.bell = nv_bells_at(ctx->bells, ctx->rank, NV_BELL_LOOP);
    spec.crowded = ctx->crowded;
    spec.comm = ctx->comm;
    spec.origin = ctx->origin;
    if (rc == NAVE_OK && ctx->rank == 0)
        rc = nv_hub_new(ctx, &ctx->hub);
    if (subhub && rc != NAVE_OK)
        free(everywhere);
    else if (subhub)
        rc = nv_subhub_new(ctx, everywhere, &ctx->subhub);
    if (rc == NAVE_OK && ((ctx->rank != 0 && !subhub) || alone))
        rc = nv_engine_new(&spec, &ctx->engine);
    if (rc == NAVE_OK && ((ctx->rank == 0 && !alone && ctx->hub_works) || subhub))
        rc = nv_beside_start(&spec, ctx->bells, &ctx->error, &ctx->beside);
    if (rc == NAVE_OK && ctx->hub != NULL)
        nv_serve_idle(ctx, &ctx->hub->idle);
    return rc;
}

/* Ranks on the hub's host share its clock's origin; others have theirs from the same barrier. */
static void set_clock(nave *ctx, const char *host)
{
    char hub_host[64];
    double origin;
    memcpy(hub_host, host, sizeof hub_host);
    MPI_Barrier(ctx->mpi);
    ctx->origin = origin = nv_clock();
    MPI_Bcast(hub_host, (int)sizeof hub_host, MPI_CHAR, 0, ctx->mpi);
    MPI_Bcast(&origin, 1, MPI_DOUBLE, 0, ctx->mpi);
    if (strcmp(host, hub_host) == 0)
        ctx->origin = origin;
}

/* The hub adds what it knows of roles, and looks whether its engine has a core of its own. */
static void take_places(nave *ctx)
{
    nave_place *places = nv_places_list(ctx->places);
    places[0].engine = ctx->hub_works;
    for (int r = 0; ctx->leaders != NULL && r < ctx->size; r++)
        places[r].subhub = ctx->leaders[r];
    ctx->shares_core = ctx->crowded || places[0].cores < 2;
    nv_places_warn(ctx->places, &ctx->error);
}

/* A line for each of the callers' kernels. */
static char *describe_kernels(const struct nv_kernels *kernels)
{
    size_t room = 1;
    char *text, *at;
    for (size_t i = NV_KERNEL_OWN; i < kernels->count; i++)
        room += strlen(kernels->names[i]) + 16;
    text = at = calloc(1, room);
    for (size_t i = NV_KERNEL_OWN; text != NULL && i < kernels->count; i++)
        at += sprintf(at, "%s %u\n", kernels->names[i], kernels->flags[i]);
    return text;
}

/* See nave_options.journal. */
static int open_journal(nave *ctx, const nave_options *opt)
{
    const char *file = opt->journal != NULL ? opt->journal : getenv("NAVE_JOURNAL");
    char *kernels;
    struct nv_journal_job job = {.program = opt->program != NULL ? opt->program : "",
                                 .ranks = ctx->size,
                                 .retry_failed = opt->retry_failed != 0};
    int rc;
    if (ctx->rank != 0 || file == NULL || *file == '\0')
        return NAVE_OK;
    job.kernels = kernels = describe_kernels(&ctx->kernels);
    if (kernels == NULL)
        return nv_error_set(&ctx->error, NAVE_ENOMEM, "no memory for the journal");
    rc = nv_journal_open(file, &job, &ctx->error, &ctx->hub->journal);
    free(kernels);
    if (rc != NAVE_OK)
        return rc;
    ctx->by_blocks = true;
    ctx->hub->basis = nv_digest_of(opt->basis, opt->basis_size);
    ctx->hub->epoch = nv_clock_epoch() - nv_hub_time(ctx->hub);
    if (nv_journal_changed(ctx->hub->journal))
        nv_error_warn(&ctx->error, "%s: the kernels are not those of the run before", file);
    return NAVE_OK;
}

/* The farm ends in good order. */
static int close_journal(nave *ctx, int status)
{
    struct nv_journal *journal = ctx->hub->journal;
    uint64_t left;
    if (journal == NULL)
        return NAVE_OK;
    left = nv_journal_left(journal);
    if (left > 0 && !ctx->hub->drained && status == NAVE_OK)
        nv_error_warn(
            &ctx->error,
            "the journal has %llu finished tasks that were not asked for: inputs, kernels "
            "or calls have changed",
            (unsigned long long)left);
    ctx->hub->journal = NULL;
    return nv_journal_close(journal, status, &ctx->error);
}

static int open_agreed(nave *ctx, const nave_options *opt)
{
    char host[64] = "";
    int *everywhere = NULL;
    int rc = agree(ctx, agree_on_library(ctx));
    if (rc == NAVE_OK) /* early: from here on who dies is noticed */
        rc = agree(ctx, agree_on_recovery(ctx, opt));
    if (rc == NAVE_OK)
        rc = agree(ctx, check_local(ctx, opt));
    if (rc == NAVE_OK) {
        agree_on_door(ctx, opt);
        agree_on_hub(ctx, opt);
    }
    if (rc == NAVE_OK)
        rc = agree(ctx, nv_kernels_agree(ctx->mpi, opt->kernels, opt->kernel_count, ctx->hub_works,
                                         ctx->takes_plugins ? NV_PLUGIN_KERNELS : 0, &ctx->error,
                                         &ctx->kernels));
    if (rc == NAVE_OK)
        rc = agree(ctx, some_kernel(ctx));
    if (rc != NAVE_OK)
        return rc;
    gethostname(host, sizeof host - 1);
    set_clock(ctx, host);
    rc = agree(ctx, nv_steer_open(ctx, ctx->has_door));
    if (rc == NAVE_OK)
        rc = make_groups(ctx, opt, host, &everywhere);
    if (rc != NAVE_OK) {
        free(everywhere);
        return rc;
    }
    rc = agree(ctx, make_parts(ctx, everywhere));
    if (rc != NAVE_OK)
        return rc;
    rc = agree(ctx, open_journal(ctx, opt));
    if (rc != NAVE_OK)
        return rc;
    rc = agree(ctx, nv_places_open(ctx->mpi, &ctx->error, &ctx->places));
    if (rc == NAVE_OK && ctx->rank == 0)
        take_places(ctx);
    if (rc == NAVE_OK)
        rc = agree(ctx, open_door(ctx, opt));
    return rc == NAVE_OK && ctx->vigil != NULL ? nv_comm_meet(ctx->comm) : rc;
}

/* See nave_options.drain.  Engines only let the signals pass. */
static void begin_drain(nave *ctx)
{
    const char *bad;
    double left = nv_drain_left(&bad);
    nv_drain_listen();
    ctx->drains = true;
    if (ctx->hub == NULL)
        return;
    if (bad != NULL)
        nv_error_warn(&ctx->error, "%s is '%.100s', which is no time; the job's end is not known",
                      bad, getenv(bad));
    if (left >= 0)
        ctx->hub->until = fmax(nv_hub_time(ctx->hub) + left - END_SECONDS, 1e-9);
}

int nave_open(MPI_Comm comm, const nave_options *opt, nave **out)
{
    static const nave_options none;
    nave *ctx = calloc(1, sizeof *ctx);
    int rc;
    *out = ctx;
    if (ctx == NULL)
        return NAVE_ENOMEM;
    opt = opt != NULL ? opt : &none;
    ctx->mpi = MPI_COMM_NULL;
    ctx->error.log = opt->log;
    ctx->error.log_arg = opt->log_arg;
    ctx->user = opt->user;
    ctx->progress = opt->progress;
    ctx->progress_arg = opt->progress_arg;
    rc = take_comm(ctx, comm);
    if (rc == NAVE_OK)
        rc = open_agreed(ctx, opt);
    nv_sentry_end(ctx->sentry);
    ctx->sentry = NULL;
    ctx->opened = ctx->usable = rc == NAVE_OK;
    if (rc == NAVE_OK && opt->drain)
        begin_drain(ctx);
    return rc;
}

/* -------------------------------------------------------------------------------------- closing */

static bool all_complete(void *arg)
{
    const struct nv_hub *hub = arg;
    for (const nave_future *future = hub->futures; future != NULL; future = future->next)
        if (!future->complete)
            return false;
    return true;
}

/* What is not finished is cancelled, and what runs is waited for.  Of a farm that was given up nothing
 * is. */
static int end_futures(struct nv_hub *hub)
{
    int rc = NAVE_OK;
    nave_future *next;
    hub->heedless = true;
    for (nave_future *future = hub->futures; future != NULL && rc == NAVE_OK; future = next) {
        next = future->next;
        rc = hub->given_up || nv_door_has(hub->ctx->door, future) ? NAVE_OK : nave_cancel(future);
    }
    if (rc == NAVE_OK && !hub->given_up)
        nv_door_see_off(hub->ctx->door);
    nv_door_close(hub->ctx);
    if (rc == NAVE_OK && !hub->given_up)
        rc = nv_hub_wait(hub, all_complete, hub, -1);
    return hub->given_up ? NAVE_OK : rc;
}

/* Whoever is left is told, whatever went wrong before. */
static int hub_end(nave *ctx, int status)
{
    struct nv_hub *hub = ctx->hub;
    struct nv_control control = {.value = status};
    int rc, told = NAVE_OK, written;
    rc = end_futures(hub);
    control.count = nave_lost(ctx) + nv_loss_end_stalled(hub);
    ctx->broken = control.count > 0;
    for (int engine = ctx->beside != NULL ? 0 : 1; engine < ctx->size && told == NAVE_OK; engine++)
        told = nv_hub_control(hub, is_subhub(ctx, engine) ? ctx->size + engine : engine, NV_CLOSE,
                              &control, NULL);
    written = close_journal(ctx, status);
    rc = rc != NAVE_OK ? rc : told;
    return rc != NAVE_OK ? rc : written;
}

/* The thread beside this loop ends also where the hub could not say so: a second NV_CLOSE does no
 * harm. */
static void end_beside(nave *ctx)
{
    struct nv_frame *frame = ctx->beside != NULL ? nv_comm_frame(ctx->comm) : NULL;
    if (frame != NULL) {
        nv_frame_add_control(frame, NV_CLOSE, &(struct nv_control){0}, NULL);
        nv_comm_post(ctx->comm, ctx->rank, NV_TO_ENGINE, frame);
    }
    nv_beside_wait(ctx->beside);
}

/* Waits for all, without spinning: another rank may still be busy with its caller's work. */
static int meet(nave *ctx)
{
    struct nv_idle idle = {0};
    int rc;
    while ((rc = nv_comm_finish(ctx->comm)) == 0 && !ctx->broken) {
        const char *how;
        ctx->broken = ctx->vigil != NULL && nv_vigil_look(ctx->vigil, &how) >= 0;
        nv_idle(&idle, false);
    }
    return rc < 0 ? rc : NAVE_OK;
}

/* Where ranks are gone nobody waits for all: what this one has to say leaves. */
static void part(nave *ctx, int status)
{
    struct nv_idle idle = {0};
    double until = nv_clock() + LAST_SECONDS;
    while (nv_comm_pending(ctx->comm) > 0 && nv_clock() < until && nv_comm_progress(ctx->comm) >= 0)
        nv_idle(&idle, false);
    nv_finalize_never(status == NAVE_OK ? 0 : 1);
}

/* What is freed by all ranks together stays where there are not all any more. */
static void ctx_free(nave *ctx)
{
    if (ctx->drains)
        nv_drain_ignore();
    nv_door_close(ctx);
    nv_steer_close(ctx);
    nv_beside_join(ctx->beside);
    nv_vigil_close(ctx->vigil);
    nv_places_close(ctx->places);
    nv_engine_free(ctx->engine);
    nv_subhub_free(ctx->subhub);
    nv_hub_free(ctx->hub);
    if (!ctx->broken) {
        nv_comm_close(ctx->comm);
        nv_bells_close(ctx->bells);
    }
    nv_kernels_release(&ctx->kernels);
    free(ctx->leaders);
    for (size_t i = 0; i < ctx->op_count; i++)
        free((char *)(uintptr_t)ctx->ops[i].name);
    free(ctx->ops);
    if (ctx->mpi != MPI_COMM_NULL && !ctx->broken)
        MPI_Comm_free(&ctx->mpi);
    free(ctx);
}

int nave_close_with(nave **where, int status)
{
    nave *ctx = *where;
    int rc = NAVE_OK;
    if (ctx == NULL)
        return NAVE_OK;
    *where = NULL;
    if (ctx->rank != 0 && ctx->usable)
        nave_serve(ctx);
    else if (ctx->usable)
        rc = hub_end(ctx, status);
    nv_steer_part(ctx);
    end_beside(ctx);
    if (ctx->opened && !ctx->broken) {
        int met = meet(ctx);
        rc = rc != NAVE_OK ? rc : met;
    }
    if (ctx->broken)
        part(ctx, status);
    else
        nv_vigil_farewell(ctx->vigil);
    ctx_free(ctx);
    return rc;
}

int nave_close(nave **ctx)
{
    return nave_close_with(ctx, NAVE_OK);
}

static bool is_to_end(void *arg)
{
    const nave *ctx = arg;
    return nv_door_stopping(ctx->door) || ctx->hub->drained;
}

int nave_attend(nave *ctx, double seconds)
{
    int rc = nv_hub_check(ctx);
    if (rc == NAVE_OK && ctx->door == NULL)
        rc = nv_error_set(&ctx->error, NAVE_ESTATE, "there is no door to attend to");
    if (rc != NAVE_OK)
        return rc;
    rc = nv_hub_wait(ctx->hub, is_to_end, ctx, seconds);
    if (rc == NAVE_ETIMEDOUT)
        return nv_error_note(&ctx->error, rc, "nobody has stopped the farm within %g s", seconds);
    return rc == NAVE_OK ? nv_error_note(&ctx->error, NAVE_EDRAINED, "the farm is to end: %s",
                                         ctx->hub->drained_by)
                         : rc;
}

int nave_run(MPI_Comm comm, const nave_options *opt, int (*hub)(nave *ctx, void *arg), void *arg)
{
    nave *ctx;
    int rc = nave_open(comm, opt, &ctx);
    if (rc == NAVE_OK && nave_is_hub(ctx)) {
        int closed;
        rc = hub(ctx, arg);
        closed = nave_close_with(&ctx, rc);
        return rc != NAVE_OK ? rc : closed;
    }
    if (rc == NAVE_OK)
        rc = nave_serve(ctx);
    nave_close(&ctx);
    return rc;
}

/* --------------------------------------------------------------------------------------- asking */

const char *nave_error(const nave *ctx)
{
    return ctx != NULL ? ctx->error.text : "out of memory";
}

int nave_rank(const nave *ctx)
{
    return ctx->rank;
}

int nave_size(const nave *ctx)
{
    return ctx->size;
}

int nave_is_hub(const nave *ctx)
{
    return ctx->rank == 0;
}

size_t nave_lost(const nave *ctx)
{
    return ctx->hub != NULL && ctx->hub->lost != NULL ? ctx->hub->lost->count : 0;
}

int nave_engine_count(const nave *ctx)
{
    return ctx->size - !ctx->hub_works;
}

const char *nave_host(const nave *ctx, int rank)
{
    if (ctx->hub == NULL || ctx->places == NULL || rank < 0 || rank >= ctx->size)
        return NULL;
    return nv_hub_host(ctx->hub, rank);
}

int nave_topo(nave *ctx, const nave_place **places, size_t *n)
{
    if (ctx->rank != 0 || ctx->places == NULL)
        return ctx->rank != 0 ? nv_hub_check(ctx) : NAVE_ESTATE;
    *places = nv_places_list(ctx->places);
    *n = (size_t)ctx->size;
    return NAVE_OK;
}
