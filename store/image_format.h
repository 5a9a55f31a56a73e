// The bytes of a partition's image: records in any order between a first and a last one. All
// numbers are little-endian; a record is padded with zeros to a multiple of 8.
//
//   | bytes 4 | kind 2 | zero 2 | what the kind says … | pad |      bytes: of the whole record
//
//   BEGIN    image_start                        first, once: which partition, its digests and sizes
//                                               at the mark
//   OBJECT   record_head (store/record.h), data of head.data_n bytes; of a user word[2] is when one
//            of the counts moved last, in ms
//   EDGES    image_edges, n of: other 8, stamp 8   ascending stamps; a large set takes several
//                                                  records, each above the one before
//   NAMES    image_names, n of: kind 2, n 2, text   of one id; the accounts slot's partition only
//   KEYS     n of struct key_item (64)          ascending stamps, also from record to record
//   SOURCE   image_source, words of 64 bits
//   OWED     a whole entry: place, stamp and ticket 0, with its parent; ascending (place, ordinal)
//   STREAM   image_stream, n items of struct stream_item (28), ascending: a block, those of one
//            stream in any order; or n = 0: where the stream's mark stands
//   END      image_total                        last, once: how many of each came before
//
// Counters, sequences, newest posts and jobs are not there: they follow from what is.
#ifndef KITH_STORE_IMAGE_FORMAT_H
#define KITH_STORE_IMAGE_FORMAT_H

#include <stdint.h>

enum { IMAGE_VERSION = 4, IMAGE_RECORD_MAX = 4 << 20, IMAGE_EDGES_MAX = 4096, IMAGE_KEYS_MAX = 64 };
#define IMAGE_MAGIC UINT64_C(0x545241504854494b) // "KITHPART"

enum image_kind {
    IMAGE_none = 0,
    IMAGE_BEGIN = 1,
    IMAGE_OBJECT = 2,
    IMAGE_EDGES = 3,
    IMAGE_NAMES = 4,
    IMAGE_KEYS = 5,
    IMAGE_SOURCE = 6,
    IMAGE_OWED = 7,
    IMAGE_END = 8,
    IMAGE_STREAM = 9,
    IMAGE_KINDS,
};

struct image_record { uint32_t bytes; uint16_t kind, zero; };
struct image_start {
    uint64_t magic;
    uint32_t version, part, partitions, zero;
    uint64_t place;              // of the last entry that the partition had applied
    uint64_t objects_lo, objects_hi, edges_lo, edges_hi;
    // How many there were at the mark, for tables to be made at once.
    uint32_t objects, sets, streams, names; // names: ids that have any
};
struct image_edges { uint64_t owner; uint32_t list, n; };
struct image_stream { uint64_t owner; uint32_t list, n; uint64_t read_to; };
struct image_names { uint64_t id; uint32_t n, zero; };
struct image_name { uint16_t kind, n; };
struct image_source { uint64_t hi, lo; uint32_t words, zero; };
struct image_total { uint64_t records[IMAGE_KINDS]; }; // by kind, without this one

_Static_assert(sizeof(struct image_record) == 8, "disk format");
_Static_assert(sizeof(struct image_start) == 80, "disk format");
_Static_assert(sizeof(struct image_edges) == 16, "disk format");
_Static_assert(sizeof(struct image_stream) == 24, "disk format");
_Static_assert(sizeof(struct image_names) == 16, "disk format");
_Static_assert(sizeof(struct image_source) == 24, "disk format");
_Static_assert(sizeof(struct image_total) == 80, "disk format");

#endif
