// What is older than it is kept goes: each core looks through the streams and sequences that it
// owns, a few at a turn, and logs an entry for each that begins too early. So the clock decides
// when, and the log what.
#ifndef KITH_API_RETENTION_H
#define KITH_API_RETENTION_H

#include <stdbool.h>
#include <stdint.h>

struct reactor;

enum { RETENTION_KINDS = 3 };

struct retention {
    uint64_t due_ns;           // begin of the next look, while none is under way
    unsigned part;             // that is looked through
    uint64_t at;               // how far (lists_walk)
    uint64_t from;             // of a stream that is partly trimmed: numbers up to here are done
    uint64_t before[RETENTION_KINDS]; // of the look under way, by kind; 0 = kept for ever
    bool seqs;                 // of the part: the streams are done
    uint32_t left;             // lists that this turn may still look at
    struct reactor *reactor;
};

// Once a turn.
void retention_turn(struct reactor *r);

#endif
