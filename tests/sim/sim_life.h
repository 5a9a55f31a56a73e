// What a run does with its server: lives of it, and moments in them (sim_main.c).
#ifndef KITH_TESTS_SIM_SIM_LIFE_H
#define KITH_TESTS_SIM_SIM_LIFE_H

#include <stdbool.h>
#include <stdint.h>

struct server;

// A calm life: one way of running, no power loss, no trouble with the disk.
extern bool life_calm;

struct server *life_server(void);
bool life_begin(void);           // false: the server does not start
void life_kill(void);
// All that was asked is answered, and every consequence has come. false: never.
bool life_settle(void);
void life_steps(unsigned n);
void life_snapshot(void);

#endif
