/* serve - see serve.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "serve.h"
#include "clock.h"
#include "engine.h"
#include "hub.h"
#include "steer.h"
#include "subhub.h"
#include "vigil.h"

#define HUB_SECONDS 0.1 /* between looks of an engine that has nothing to do whether rank 0 lives */

/* Whatever can end a wait rings the bell when all ranks are on this host. */
void nv_serve_idle(const nave *ctx, struct nv_idle *idle)
{
    bool bells = nv_bells_kind(ctx->bells) != NV_BELL_NONE;
    *idle = (struct nv_idle){0};
    idle->bell = bells ? nv_bells_at(ctx->bells, ctx->rank, NV_BELL_LOOP) : NULL;
    idle->all_ring = idle->bell != NULL && nv_bells_all_near(ctx->bells);
    idle->crowded = ctx->crowded;
}

/* A turn of what this rank is, and what it then may wait for. */
int nv_serve_turn(nave *ctx, struct nv_idle *idle, bool *worked)
{
    int rc;
    if (ctx->subhub == NULL) {
        rc = nv_engine_turn(ctx->engine, worked);
        idle->moving = nv_engine_waits_for_sends(ctx->engine);
        idle->posted = nv_comm_pending(ctx->comm) > 0;
        idle->until = nv_engine_due(ctx->engine);
        return rc;
    }
    rc = nv_subhub_turn(ctx->subhub, worked);
    idle->moving = nv_comm_moving(ctx->comm);
    idle->posted = nv_comm_pending(ctx->comm) > 0;
    idle->crowded = ctx->crowded || nv_subhub_own_load(ctx->subhub) > 0;
    idle->until = ctx->subhub->until;
    return rc;
}

int nave_turn(nave *ctx)
{
    struct nv_idle idle;
    bool worked;
    int rc;
    if (!ctx->usable)
        return ctx->rank == 0 ? nv_hub_check(ctx) : NAVE_END;
    if (ctx->rank == 0)
        return nv_hub_turn(ctx->hub, &worked);
    rc = nv_serve_turn(ctx, &idle, &worked);
    if (rc == NAVE_END)
        ctx->usable = false;
    return rc;
}

/* An engine whose hub is gone has nobody to work for. */
int nv_serve_look(nave *ctx, struct nv_idle *idle, double *next)
{
    double now;
    const char *how;
    if (ctx->vigil == NULL)
        return NAVE_OK;
    now = nv_clock();
    if (now >= *next) {
        *next = now + HUB_SECONDS;
        ctx->broken = nv_vigil_look(ctx->vigil, &how) >= 0;
        if (ctx->broken)
            return nv_error_set(&ctx->error, NAVE_ELOST, "rank 0 %s", how);
    }
    if (idle->until == 0 || idle->until > *next)
        idle->until = *next;
    return NAVE_OK;
}

int nave_serve(nave *ctx)
{
    struct nv_idle idle;
    unsigned long slack;
    double next = 0;
    int rc = NAVE_OK;
    if (ctx->rank == 0 || (ctx->engine == NULL && ctx->subhub == NULL))
        return ctx->rank == 0 && ctx->usable ? NAVE_OK : NAVE_ESTATE;
    nv_steer_leave(ctx);
    nv_serve_idle(ctx, &idle);
    slack = nv_clock_sharpen();
    while (ctx->usable && rc == NAVE_OK) {
        bool worked;
        rc = nv_serve_turn(ctx, &idle, &worked);
        if (rc == NAVE_OK && !worked)
            rc = nv_serve_look(ctx, &idle, &next);
        if (rc == NAVE_OK)
            nv_idle(&idle, worked);
    }
    nv_idle_restart(&idle);
    nv_clock_slack(slack);
    ctx->usable = false;
    ctx->broken = ctx->broken || (ctx->engine != NULL && nv_engine_broken(ctx->engine));
    if (rc != NAVE_OK && rc != NAVE_END)
        return rc;
    return ctx->subhub != NULL ? ctx->subhub->status : nv_engine_status(ctx->engine);
}
