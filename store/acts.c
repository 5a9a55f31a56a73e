// Acts from the lists that hold them (acts.h).
#include "store/acts.h"

#include "core/assert.h"
#include "core/id.h"
#include "core/notes.h"
#include "store/note_read.h"
#include "store/sees.h"
#include "store/seq.h"
#include "store/store.h"

enum { LOOK_MAX = 4096 };      // acts that are looked at for one page

static const struct act_source { uint8_t list, type, kind; } sources[] = {
    {LIST_liked, ACTIVITY_like, ENTITY_post},
    {LIST_following, ACTIVITY_follow, ENTITY_user},
    {LIST_written, ACTIVITY_comment_create, ENTITY_comment},
    {LIST_posts, ACTIVITY_post_create, ENTITY_post},
    {LIST_archived, ACTIVITY_post_create, ENTITY_post},
};
enum { SOURCES = sizeof sources / sizeof sources[0] };

// Stamps of edges are the log's, each once. That of an imported post is made from its own time and
// may be an edge's too: so an edge comes before a post.
static uint64_t key_of(unsigned type, uint64_t stamp)
{
    return stamp << 1 | (type != ACTIVITY_post_create);
}

uint64_t act_key(const struct stream_item *act)
{
    return key_of(act->type, act->number);
}

// The next acts of one list.
struct lane { struct edge item[PAGE_MAX]; uint32_t n, at; };

static void fill(struct lane *l, const struct part *p, struct acts_read what, unsigned i)
{
    struct edge_at at = {what.owner, (enum list_kind)sources[i].list};
    uint64_t stamp = what.before >> 1, id[PAGE_MAX];
    l->at = 0;
    if (sources[i].type != ACTIVITY_post_create) {
        l->n = edges_page(p, at, stamp, (struct edge_room){l->item, what.want});
        return;
    }
    uint64_t below = what.before == 0 ? 0 : id_make(stamp + (what.before & 1), 0);
    l->n = seq_below(seqs_find(p, at), below, id, what.want);
    for (uint32_t k = 0; k < l->n; k++) l->item[k] = (struct edge){id[k], id_stamp(id[k])};
}

static struct stream_item act_of(uint64_t owner, const struct act_source *from,
                                 const struct edge *e)
{
    return (struct stream_item){
        .number = e->stamp,
        .actor = owner,
        .entity = e->other,
        .type = from->type,
        .flags = STREAM_READ,
        .data = from->kind,
    };
}

uint32_t acts_below(const struct part *p, struct acts_read what, struct stream_item *out)
{
    struct lane lane[SOURCES];
    uint32_t n = 0;
    ASSERT(what.want <= PAGE_MAX);
    for (unsigned i = 0; i < SOURCES; i++) fill(&lane[i], p, what, i);
    for (; n < what.want; n++) {
        unsigned next = SOURCES;
        uint64_t newest = 0;
        for (unsigned i = 0; i < SOURCES; i++) {
            const struct lane *l = &lane[i];
            uint64_t key = l->at < l->n ? key_of(sources[i].type, l->item[l->at].stamp) : 0;
            if (key > newest) newest = key, next = i;
        }
        if (next == SOURCES || newest >> 1 < what.since) break;
        struct lane *l = &lane[next];
        out[n] = act_of(what.owner, &sources[next], &l->item[l->at++]);
    }
    return n;
}

uint32_t read_acts(const struct shard *s, struct acts_read what, struct stream_item *out,
                   uint64_t *next)
{
    const struct part *p = store_part(s->store, id_slot(what.owner));
    uint32_t n = 0, looked = 0, want = what.want;
    struct eye eye;
    ASSERT(p->shard == s);
    ASSERT(want <= PAGE_MAX);
    eye_open(&eye, &(struct view){s->store, s, what.owner});
    for (*next = 0; n < want && looked < LOOK_MAX;) {
        struct stream_item some[PAGE_MAX];
        what.want = want - n;
        uint32_t found = acts_below(p, what, some);
        for (uint32_t i = 0; i < found; i++)
            if (note_leads(&eye, &some[i])) out[n++] = some[i];
        if (found < what.want) return n;
        looked += found;
        what.before = act_key(&some[found - 1]);
    }
    struct stream_item more;
    what.want = 1;
    if (acts_below(p, what, &more) > 0) *next = what.before;
    return n;
}
