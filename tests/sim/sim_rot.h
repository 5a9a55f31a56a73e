// What recovery makes of the log that an end left: which decision, and what it does about bytes
// that turn on the platter.
#ifndef KITH_TESTS_SIM_SIM_ROT_H
#define KITH_TESTS_SIM_SIM_ROT_H

// The end that comes next to be looked at was an orderly stop: nothing may be torn.
void sim_rot_after_stop(void);
// Reads the log as the next start will, counts the decision, and at times turns a byte.
void sim_rot_look(void);

#endif
