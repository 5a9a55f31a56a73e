// fb_copy.c - deep copies by descriptor (see fb_copy.h). The bytes are verified: recursion ends
// where the verifier's depth does.
#include "core/fb_copy.h"

#include "core/assert.h"

static fb_ref copy_string(fb_builder *b, const void *string)
{
    fb_str s = fb_str_at(string);
    return fb_string(b, s.s, s.n);
}

static fb_ref copy_vector(fb_builder *b, const fb_field *f, const void *vector)
{
    fb_vec v = fb_vec_at(vector);
    bool tables = f->elem == FB_OBJECT && !f->type->is_struct;
    if (f->elem != FB_STRING && !tables) return fb_vector(b, v.p, v.n, f->elem_size);
    uint32_t mark = fb_mark(b);
    for (uint32_t i = 0; i < v.n && b->err == FB_OK; i++) {
        const void *element = fb_vec_sub(v, i);
        fb_push(b, tables ? fb_copy(b, f->type, element) : copy_string(b, element));
    }
    return fb_refs(b, mark);
}

// Puts the value at `from` into the staged table.
static void copy_value(fb_builder *b, const fb_field *f, const uint8_t *from, uint8_t *staged)
{
    ASSERT(f->base != FB_UNION);
    if (!fb_is_ref(f)) {
        memcpy(staged + f->at, from, f->size);
        return;
    }
    const void *value = fb_follow(from);
    fb_ref ref = f->base == FB_STRING   ? copy_string(b, value)
                 : f->base == FB_VECTOR ? copy_vector(b, f, value)
                                        : fb_copy(b, f->type, value);
    memcpy(staged + f->at, &ref, sizeof ref);
}

static void mark_set(void *staged, const fb_field *f)
{
    uint64_t set = fb_u64(staged) | UINT64_C(1) << f->id;
    memcpy(staged, &set, sizeof set);
}

fb_ref fb_copy(fb_builder *b, const fb_type *type, const void *table)
{
    _Alignas(8) uint8_t staged[FB_STAGED_MAX] = {0};
    ASSERT(type->size <= sizeof staged - 8);
    for (uint32_t i = 0; i < type->n_fields && b->err == FB_OK; i++) {
        const fb_field *f = &type->fields[i];
        uint32_t at = fb_at(table, f->slot);
        if (at == 0 || !(type->all >> f->id & 1)) continue;
        copy_value(b, f, (const uint8_t *)table + at, staged);
        mark_set(staged, f);
    }
    return b->err == FB_OK ? fb_table(b, type, staged) : 0;
}

const fb_field *fb_find_field(const fb_type *t, const char *name)
{
    // The first letter tells most names apart without a call.
    for (const fb_field *f = t->fields, *end = f + t->n_fields; f < end; f++)
        if (f->name[0] == name[0] && strcmp(f->name, name) == 0) return f;
    return NULL;
}

uint64_t fb_number_of(const fb_type *type, const void *table, const char *name)
{
    const fb_field *f = fb_find_field(type, name);
    if (f == NULL || !fb_is_scalar(f->base)) return 0;
    uint32_t at = table != NULL ? fb_at(table, f->slot) : 0;
    return at != 0 ? fb_load((const uint8_t *)table + at, f->base) : f->zero;
}

fb_str fb_text_of(const fb_type *type, const void *table, const char *name)
{
    const fb_field *f = fb_find_field(type, name);
    bool text = f != NULL && f->base == FB_STRING && table != NULL;
    return text ? fb_sub_str(table, f->slot) : (fb_str){"", 0};
}

void fb_stage_number(struct fb_staged to, const char *name, uint64_t value)
{
    const fb_field *f = fb_find_field(to.type, name);
    if (f == NULL) return;
    ASSERT(fb_is_scalar(f->base) && !fb_is_float(f->base));
    memcpy((uint8_t *)to.at + f->at, &value, f->size);
    mark_set(to.at, f);
}

void fb_stage_ref(struct fb_staged to, const char *name, fb_ref ref)
{
    const fb_field *f = fb_find_field(to.type, name);
    if (f == NULL || ref == 0) return;
    ASSERT(fb_is_ref(f));
    memcpy((uint8_t *)to.at + f->at, &ref, sizeof ref);
    mark_set(to.at, f);
}

bool fb_has_field(const fb_type *type, const void *table, const char *name)
{
    const fb_field *f = fb_find_field(type, name);
    return f != NULL && table != NULL && fb_at(table, f->slot) != 0;
}

bool fb_copy_field(fb_builder *b, struct fb_field_copy copy, const char *name)
{
    const fb_field *to = fb_find_field(copy.to, name);
    const fb_field *from = copy.from == copy.to ? to : fb_find_field(copy.from, name);
    ASSERT(to != NULL);
    if (from == NULL || copy.table == NULL) return false;
    ASSERT(from->base == to->base);
    ASSERT(from->elem == to->elem && from->type == to->type);
    uint32_t at = fb_at(copy.table, from->slot);
    if (at == 0) return false;
    const uint8_t *value = (const uint8_t *)copy.table + at;
    bool counted = from->base == FB_STRING || from->base == FB_VECTOR;
    if (counted && fb_u32(fb_follow(value)) == 0) return false;
    copy_value(b, to, value, copy.staged);
    mark_set(copy.staged, to);
    return true;
}
