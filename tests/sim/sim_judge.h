// The judge: reads the log back after every crash, and holds each entry and each answer against the
// model and against each other.
#ifndef KITH_TESTS_SIM_SIM_JUDGE_H
#define KITH_TESTS_SIM_SIM_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/ops.h"
#include "persist/recover.h"
#include "persist/root.h"
#include "tests/sim/sim_model.h"

extern struct model *model;
extern uint64_t sim_findings;      // over all seeds
extern uint64_t sim_entries[OP_LIMIT]; // entries of each operation, over all seeds
extern uint64_t sim_refusals;      // refused by their own entries, as the model says
extern uint64_t sim_lost;          // answered under `group` and taken by a power loss

void sim_finding(const char *what, uint64_t at);
bool sim_open_data(struct file_dir *dir, struct root *root);

void judge_reset(void);            // a new seed
// At a quiet moment, all judged: makes room for what comes.
void judge_forget(void);
// After a start: reads what the log holds now and for ever; every answered change up to `promised`
// must be in it.
void judge_log(uint64_t promised);
// While the server runs: reads what is durable, up to this place.
void judge_durable(uint64_t upto);
// The same, going on where judge_log or this stopped, without a look at what lies before.
void judge_follow(uint64_t upto);
uint64_t judge_next_place(void);   // all before it was judged
// At a quiet moment: no request is open and the log was read.
void judge_quiet(void);

#endif
