// Every bound of Kith, with the asserts that relate them. A bound that protects memory or time from
// a client stands here or nowhere.
#ifndef KITH_CORE_LIMITS_H
#define KITH_CORE_LIMITS_H

#include <stdint.h>

// ---- the state ----------------------------------------------------------------------------------
enum {
    SLOT_BITS = 10,              // slots are part of ids: never changed
    SLOTS = 1 << SLOT_BITS,
    ACCOUNTS_SLOT = 0,           // decides all account names
    PARTITIONS_DEFAULT = 256,
    PARTITIONS_MAX = SLOTS,
    CORES_MAX = 64,
    ENTRY_SLOTS_MAX = 8,         // slots that one entry may name
    OWED_PER_ENTRY_MAX = 64,     // consequences of one entry
    RECENT_MAX = 64,             // newest post ids that hang on a published user
    TIMELINE_MAX = 508,          // ids that a materialised timeline holds: 3.5 KiB with its head
    FANOUT_MAX_DEFAULT = 10000,  // followers above which an author is pulled, not pushed
    IDEMPOTENCY_PER_PARTITION = 65536,
    IDEMPOTENCY_MS = 24 * 3600 * 1000,
    AUDITS_PER_SLOT = 4096,      // acts that the audit log keeps for each slot
    KEEP_ACTIVITIES_S = 90 * 24 * 3600,
    KEEP_AUDITS_S = 365 * 24 * 3600,
    SNAPSHOT_EVERY_S = 24 * 3600, // so long, twice, what was erased may still be read on the disk
};

// ---- accounts -----------------------------------------------------------------------------------
enum {
    SESSIONS_PER_USER_MAX = 64,  // above it the oldest ends
    RECOVERY_CODES = 10,
    CODE_TRIES_MAX = 5,          // of a login code that was sent
    CODE_MS = 10 * 60 * 1000,    // its life
    RESET_MS = 3600 * 1000,      // of the token that sets a new password
    VERIFY_MS = 3 * 24 * 3600 * 1000, // of the one that proves an address
    OUTBOX_MAX = 4096,           // events kept for senders
};

// ---- requests -----------------------------------------------------------------------------------
enum {
    PAGE_DEFAULT = 20,
    UNREAD_LOOKED_MAX = 300,     // unread notifications that are looked at where they are counted
    PAGE_MAX = 100,
    FEED_OFFSET_MAX = 1000,
    MEDIA_MAX = 10,
    MENTIONS_MAX = 30,           // of a text
    WAIT_MAX_S = 30,             // longest wait for an event
    PINS_MAX = 3,                // pinned posts of a user
    DEVICES_MAX = 50,            // with push tokens, of a user; above it the oldest goes
    PUSHES_MAX = 65536,          // notifications of a core that wait for a sender of pushes
    PUSH_DELAY_MS = 500,         // so long an open connection has to take one before it is pushed
    PUSH_KEEP_MS = 24 * 3600 * 1000, // what is older at a start is pushed no more
    RESTORE_S = 30 * 86400,      // after which a deleted post is erased
    CHUNK_ROWS = 256,            // rows of an import chunk
    IMPORT_USERS_MAX = 64,       // one consequence each
    IMPORT_EDGES_MAX = 1000,
    IDEMPOTENCY_KEY_MAX = 128,   // bytes
    CURSOR_MAX = 256,            // characters
    PASSWORD_MIN = 8,            // bytes
    PASSWORD_MAX = 256,
    JSON_DEPTH_MAX = 32,
    JSON_KEYS_MAX = 1024,
    FB_DEPTH_MAX = 32,
    FB_TABLES_MAX = 10000,
};

// ---- connections --------------------------------------------------------------------------------
enum {
    FRAME_MAX = 1 << 20,         // bytes after the frame header
    FRAME_MAX_LOGIN = 16 << 10,  // the same before a connection has an identity
    BODY_MAX = 1 << 20,          // bytes of an HTTP body
    HTTP_HEADER_MAX = 16 << 10,  // bytes of start line and fields
    HTTP_FIELDS_MAX = 64,
    HTTP_TARGET_MAX = 8 << 10,
    HTTP_CHUNK_EXT_MAX = 128,
    WS_MESSAGE_MAX = 64 << 10,   // bytes of a WebSocket message from a client
    PIPELINE_MAX = 1024,         // requests of one connection under way
    PIPELINE_MAX_LOGIN = 16,     // the same before it has an identity
    SEND_BUFFER_MAX = 1 << 20,   // unsent bytes at which a connection is no longer read
    SEND_BUFFER_HARD = 8 << 20,  // unsent bytes at which it is closed
    ACCEPTS_PER_TURN = 16,
    HEADER_MS = 10000,           // from the first byte of a request to the end of its header
    BODY_GRACE_MS = 10000,       // then at least BODY_BYTES_PER_S
    BODY_BYTES_PER_S = 1024,
    IDLE_MS = 75000,
    DRAIN_MS = 5000,
    READ_WAIT_MS = 1000,         // a read waits so long for the place it demands
    SEARCH_WAIT_MS = 3000,       // a search so long for the index, just after a start
};

// ---- the log ------------------------------------------------------------------------------------
enum {
    SECTOR = 512,
    PAGE = 4096,                 // a batch begins and ends on one
    BATCH_MAX = 1 << 20,         // bytes of a batch, header included
    BATCHES = 32,                // batch buffers: back-pressure when none is free
    BATCHES_IN_FLIGHT = 4,       // synced writes under way
    ENTRY_MAX = 768 << 10,       // bytes of one entry
    QUEUE_BYTES = 4 << 20,       // each core's queue to the writer
    SEGMENT_BYTES = 64 << 20,
    DIGEST_EVERY = 65536,        // places between digest marks
    GROUP_MS_DEFAULT = 2,
    SEAL_MS = 1000,              // idleness after which a seal batch is written
    STALL_MS = 1000,
};

_Static_assert(FRAME_MAX >= BODY_MAX, "what HTTP takes the binary protocol takes");
_Static_assert(ENTRY_MAX < BATCH_MAX - PAGE, "an entry fits a batch with its header");
_Static_assert(QUEUE_BYTES >= 4 * ENTRY_MAX, "a queue holds several of the largest entries");
_Static_assert(SEGMENT_BYTES % BATCH_MAX == 0, "segments hold whole batches");
_Static_assert((int)IMPORT_USERS_MAX <= (int)OWED_PER_ENTRY_MAX,
               "each imported user is one consequence");

#endif
