/* account - prints jobs, sums and records of a journal: as tables, as lines of JSON, or just how many.
 *
 * All return NAVE_OK, or the code of a call that failed: nave_journal_error() has the words. */
#ifndef NAVE_ACCOUNT_H
#define NAVE_ACCOUNT_H

#include "nave_journal.h"

#include <stdio.h>

int account_summary(FILE *out, nave_journal *journal, int json);
int account_count(FILE *out, nave_journal *journal, const nave_journal_filter *filter);
int account_tasks(FILE *out, nave_journal *journal, const nave_journal_filter *filter);

/* What tasks wrote, a heading before each that wrote anything. */
int account_output(FILE *out, nave_journal *journal, const nave_journal_filter *filter);

/* Records; `output`: with what they wrote. */
int account_json(FILE *out, nave_journal *journal, const nave_journal_filter *filter, int output);

#endif
