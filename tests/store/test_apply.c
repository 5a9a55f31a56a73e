// What each operation does, refuses and answers, one at a time.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/graph.h"
#include "core/id.h"
#include "kith_fb.h"
#include "store/names.h"
#include "store/post_tags.h"
#include "store/record.h"
#include "tests/store/support_state.h"

static struct world *fresh(unsigned cores)
{
    return world_new(&(struct world_options){.cores = cores, .fanout_max = 100});
}

static void done(struct world *w)
{
    world_verify(w);
    world_free(w);
}

static uint64_t named(struct world *w, enum name_kind kind, const char *text)
{
    return names_find(w->store, (struct name){kind, text, (uint32_t)strlen(text)});
}

static struct outcome say_update(struct world *w, uint64_t user, enum op op,
                                 void (*fill)(fb_builder *, kt_new_UserUpdate *))
{
    fb_builder *b = world_body(w);
    kt_new_UserUpdate u = {0};
    kt_put_UserUpdate_user_id(&u, user);
    fill(b, &u);
    return world_say(w, (struct change){op, user, kt_end_UserUpdate(b, &u), NULL});
}

static const char *text_of(const struct user *u, enum user_string which)
{
    uint32_t n;
    return user_string(u, which, &n);
}

// ---- accounts ----------------------------------------------------------------------------------

static void test_register(void **state)
{
    (void)state;
    struct world *w = fresh(2);
    struct outcome o = say_register(w, "Jane");
    assert_int_equal(o.error, KITH_ok);
    const struct user *u = store_user(w->store, o.id);
    assert_non_null(u);
    assert_string_equal(text_of(u, USER_username), "Jane");
    assert_string_equal(text_of(u, USER_email), "Jane@example.org");
    assert_int_equal(u->updated_ms, id_ms(o.id));
    assert_string_equal(kt_User_bio(kt_root_User(user_cold(u))).s, "about me");
    assert_int_equal(named(w, NAME_username, "jANE"), o.id);
    assert_int_equal(say_register(w, "JANE").error, KITH_username_taken);
    assert_int_equal(named(w, NAME_email, "jane@EXAMPLE.org"), o.id);
    assert_int_equal(say_register(w, "").error, KITH_invalid_field);
    done(w);
}

static void new_names(fb_builder *b, kt_new_UserUpdate *u)
{
    kt_put_UserUpdate_username(u, fb_cstring(b, "janet"));
    kt_put_UserUpdate_email(u, fb_cstring(b, ""));
    kt_put_UserUpdate_phone_number(u, fb_cstring(b, "+491"));
    kt_put_UserUpdate_full_name(u, fb_cstring(b, "Janet van Roe"));
}

static void same_names(fb_builder *b, kt_new_UserUpdate *u)
{
    kt_put_UserUpdate_username(u, fb_cstring(b, "JANET"));
}

static void no_contact(fb_builder *b, kt_new_UserUpdate *u)
{
    kt_put_UserUpdate_phone_number(u, fb_cstring(b, ""));
}

static void test_rename(void **state)
{
    (void)state;
    struct world *w = fresh(2);
    uint64_t jane = make_user(w, "jane"), other = make_user(w, "other");
    assert_int_equal(say_update(w, jane, OP_user_rename, new_names).error, KITH_ok);
    const struct user *u = store_user(w->store, jane);
    assert_string_equal(text_of(u, USER_username), "janet");
    assert_string_equal(text_of(u, USER_email), "");
    assert_string_equal(text_of(u, USER_phone), "+491");
    assert_string_equal(text_of(u, USER_first), "Janet van");
    assert_string_equal(text_of(u, USER_last), "Roe");
    assert_int_equal(named(w, NAME_username, "jane"), 0);
    assert_int_equal(named(w, NAME_email, "jane@example.org"), 0);
    assert_int_equal(named(w, NAME_phone, "+491"), jane);
    // All or none: the username is taken, so the phone number stays what it was.
    assert_int_equal(say_update(w, other, OP_user_rename, new_names).error, KITH_username_taken);
    assert_int_equal(say_update(w, jane, OP_user_rename, no_contact).error,
                     KITH_self_contact_missing);
    assert_int_equal(say_update(w, jane, OP_user_rename, same_names).error, KITH_ok);
    assert_string_equal(text_of(store_user(w->store, jane), USER_username), "JANET");
    assert_int_equal(say_register(w, "jane").error, KITH_ok);
    done(w);
}

static void some_fields(fb_builder *b, kt_new_UserUpdate *u)
{
    kt_put_UserUpdate_bio(u, fb_cstring(b, "new"));
    kt_put_UserUpdate_business_info(u, fb_cstring(b, "{\"a\":[1]}"));
    kt_put_UserUpdate_gender(u, kt_Gender_female);
    kt_new_Link l = {0};
    kt_put_Link_url(&l, fb_cstring(b, "https://a.org"));
    uint32_t mark = fb_mark(b);
    fb_push(b, kt_end_Link(b, &l));
    kt_put_UserUpdate_external_links(u, fb_refs(b, mark));
}

static void no_bio(fb_builder *b, kt_new_UserUpdate *u)
{
    kt_put_UserUpdate_bio(u, fb_cstring(b, ""));
}

static void test_update(void **state)
{
    (void)state;
    struct world *w = fresh(1);
    uint64_t jane = make_user(w, "jane");
    w->now_ms += 1000;
    assert_int_equal(say_update(w, jane, OP_user_update, some_fields).error, KITH_ok);
    const struct user *u = store_user(w->store, jane);
    const kt_User *cold = kt_root_User(user_cold(u));
    assert_string_equal(kt_User_bio(cold).s, "new");
    assert_string_equal(kt_User_business_info(cold).s, "{\"a\":[1]}");
    assert_int_equal(kt_User_external_links(cold).n, 1);
    assert_int_equal(u->gender, kt_Gender_female);
    assert_int_equal(u->updated_ms, w->now_ms);
    assert_int_equal(say_update(w, jane, OP_user_update, no_bio).error, KITH_ok);
    cold = kt_root_User(user_cold(store_user(w->store, jane)));
    assert_false(kt_has_User_bio(cold));
    assert_int_equal(kt_User_external_links(cold).n, 1);
    assert_int_equal(say_id(w, OP_user_delete, 77, jane).error, KITH_forbidden);
    assert_int_equal(say_id(w, OP_user_delete, 77, 78).error, KITH_not_found);
    done(w);
}

// ---- sessions ----------------------------------------------------------------------------------

static const char hash_a[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
static const char hash_b[] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

static struct outcome say_session(struct world *w, uint64_t user, bool login)
{
    fb_builder *b = world_body(w);
    kt_new_SessionCreate s = {0};
    kt_put_SessionCreate_user_id(&s, user);
    kt_put_SessionCreate_refresh_hash(&s, fb_cstring(b, hash_a));
    kt_put_SessionCreate_expires_at(&s, w->now_ms + 100000);
    kt_put_SessionCreate_login(&s, login);
    if (login) kt_put_SessionCreate_password_hash(&s, fb_cstring(b, "better"));
    fb_ref body = kt_end_SessionCreate(b, &s);
    return world_say(w, (struct change){OP_session_create, 0, body, NULL});
}

static struct outcome say_rotate(struct world *w, uint64_t session, const char *from,
                                 const char *to)
{
    fb_builder *b = world_body(w);
    kt_new_SessionRotate s = {0};
    kt_put_SessionRotate_session_id(&s, session);
    kt_put_SessionRotate_old_hash(&s, fb_cstring(b, from));
    kt_put_SessionRotate_new_hash(&s, fb_cstring(b, to));
    kt_put_SessionRotate_expires_at(&s, w->now_ms + 200000);
    fb_ref body = kt_end_SessionRotate(b, &s);
    return world_say(w, (struct change){OP_session_rotate, 0, body, NULL});
}

static void test_sessions(void **state)
{
    (void)state;
    struct world *w = fresh(2);
    uint64_t jane = make_user(w, "jane");
    uint64_t first = say_session(w, jane, false).id;
    assert_int_equal(store_user(w->store, jane)->last_login_ms, 0);
    w->now_ms += 50;
    uint64_t second = say_session(w, jane, true).id;
    const struct user *u = store_user(w->store, jane);
    assert_int_equal(u->last_login_ms, w->now_ms);
    assert_string_equal(text_of(u, USER_password), "better");
    assert_int_equal(u->updated_ms, id_ms(jane));
    assert_non_null(store_session(w->store, first));
    assert_int_equal(say_rotate(w, first, hash_a, hash_b).error, KITH_ok);
    assert_memory_equal(store_session(w->store, first)->refresh_hash, hash_b, 64);
    assert_int_equal(say_rotate(w, first, hash_a, hash_b).error, KITH_invalid_token);
    assert_null(store_session(w->store, first));
    assert_int_equal(say_id(w, OP_session_delete, 0, second).error, KITH_ok);
    assert_int_equal(say_id(w, OP_session_delete, 0, second).changed, 0);
    uint64_t third = say_session(w, jane, true).id;
    for (int i = 0; i < 100; i++) say_session(w, jane, false);
    assert_null(store_session(w->store, third));
    uint64_t last = say_session(w, jane, false).id;
    say_id(w, OP_user_delete, jane, jane);
    assert_null(store_session(w->store, last));
    assert_null(store_find(w->store, last));
    assert_null(store_find(w->store, jane));
    done(w);
}

// ---- edges -------------------------------------------------------------------------------------

static void test_follow(void **state)
{
    (void)state;
    struct world *w = fresh(2);
    uint64_t a = make_user(w, "a"), b = make_user(w, "b");
    struct outcome o = say_id(w, OP_follow, a, b);
    assert_int_equal(o.error, KITH_ok);
    assert_int_equal(o.changed, 1);
    assert_int_equal(o.count, 1);
    o = say_id(w, OP_follow, a, b);
    assert_int_equal(o.changed, 0);
    assert_int_equal(o.count, 1);
    assert_int_equal(store_user(w->store, b)->followers, 1);
    assert_int_equal(store_user(w->store, a)->following, 1);
    assert_int_equal(say_id(w, OP_follow, a, a).error, KITH_self_follow);
    assert_int_equal(say_id(w, OP_follow, a, 12345).error, KITH_not_found);
    assert_int_equal(say_id(w, OP_follow, 0, b).error, KITH_forbidden);
    // undone by the end that is not there
    assert_int_equal(say_id(w, OP_follow, 999, b).error, KITH_ok);
    assert_int_equal(store_user(w->store, b)->followers, 1);
    o = say_id(w, OP_unfollow, a, b);
    assert_int_equal(o.changed, 1);
    assert_int_equal(o.count, 0);
    o = say_id(w, OP_unfollow, a, b);
    assert_int_equal(o.error, KITH_ok);
    assert_int_equal(o.changed, 0);
    assert_int_equal(say_id(w, OP_unfollow, a, 4711).error, KITH_not_found);
    done(w);
}

static void test_like(void **state)
{
    (void)state;
    struct world *w = fresh(2);
    uint64_t a = make_user(w, "a"), b = make_user(w, "b"), p = say_post(w, a, "text").id;
    assert_int_equal(say_id(w, OP_like, b, p).count, 1);
    assert_int_equal(say_id(w, OP_like, b, p).count, 1);
    assert_int_equal(say_id(w, OP_like, a, p).count, 2);
    assert_int_equal(store_post(w->store, p)->likes, 2);
    assert_int_equal(say_id(w, OP_unlike, b, p).count, 1);
    assert_int_equal(say_id(w, OP_unlike, b, p).count, 1);
    assert_int_equal(say_id(w, OP_like, b, a).error, KITH_not_found);
    assert_int_equal(say_id(w, OP_post_delete, b, p).error, KITH_forbidden);
    assert_int_equal(say_id(w, OP_post_delete, a, p).error, KITH_ok);
    assert_int_equal(say_id(w, OP_like, b, p).error, KITH_not_found);
    assert_null(store_post(w->store, p));
    done(w);
}

// ---- posts -------------------------------------------------------------------------------------

static fb_ref medium(fb_builder *b, const char *url, uint32_t order)
{
    kt_new_Media m = {0};
    kt_put_Media_media_url(&m, fb_cstring(b, url));
    kt_put_Media_display_order(&m, order);
    kt_put_Media_file_size(&m, UINT64_C(4) << 30);
    return kt_end_Media(b, &m);
}

static uint64_t post_with_media(struct world *w, uint64_t author)
{
    fb_builder *b = world_body(w);
    kt_new_PostCreate p = {0};
    uint32_t mark = fb_mark(b);
    fb_push(b, medium(b, "u:2", 2));
    fb_push(b, medium(b, "u:0", 0));
    fb_push(b, medium(b, "u:1", 1));
    kt_put_PostCreate_media(&p, fb_refs(b, mark));
    fb_push(b, fb_cstring(b, "tag"));
    kt_put_PostCreate_hashtags(&p, fb_refs(b, mark));
    return world_say(w, (struct change){OP_post_create, author, kt_end_PostCreate(b, &p), NULL}).id;
}

static fb_vec media_of(struct world *w, uint64_t post)
{
    const void *cold = post_cold(store_post(w->store, post));
    return cold != NULL ? kt_PostCreate_media(kt_root_PostCreate(cold)) : (fb_vec){NULL, 0};
}

static struct outcome say_media_remove(struct world *w, uint64_t post, uint64_t id)
{
    fb_builder *b = world_body(w);
    kt_new_MediaRemove m = {0};
    kt_put_MediaRemove_post_id(&m, post);
    kt_put_MediaRemove_media_id(&m, id);
    uint64_t author = store_post(w->store, post)->author;
    fb_ref body = kt_end_MediaRemove(b, &m);
    return world_say(w, (struct change){OP_media_remove, author, body, NULL});
}

static struct outcome say_media_add(struct world *w, uint64_t post, uint32_t order)
{
    fb_builder *b = world_body(w);
    kt_new_MediaAdd m = {0};
    kt_put_MediaAdd_post_id(&m, post);
    kt_put_MediaAdd_media_url(&m, fb_cstring(b, "u:new"));
    kt_put_MediaAdd_display_order(&m, order);
    uint64_t author = store_post(w->store, post)->author;
    fb_ref body = kt_end_MediaAdd(b, &m);
    return world_say(w, (struct change){OP_media_add, author, body, NULL});
}

static struct outcome say_post_update(struct world *w, uint64_t actor, uint64_t post,
                                      const char *caption, const char *image)
{
    fb_builder *b = world_body(w);
    kt_new_PostUpdate u = {0};
    kt_put_PostUpdate_post_id(&u, post);
    if (caption) kt_put_PostUpdate_caption(&u, fb_cstring(b, caption));
    if (image) kt_put_PostUpdate_image_url(&u, fb_cstring(b, image));
    fb_ref body = kt_end_PostUpdate(b, &u);
    return world_say(w, (struct change){OP_post_update, actor, body, NULL});
}

static uint64_t post_tagged(struct world *w, uint64_t author, const char *caption,
                            const char *const *tag, uint32_t n)
{
    fb_builder *b = world_body(w);
    kt_new_PostCreate p = {0};
    kt_put_PostCreate_caption(&p, fb_cstring(b, caption));
    uint32_t mark = fb_mark(b);
    for (uint32_t i = 0; i < n; i++) fb_push(b, fb_cstring(b, tag[i]));
    kt_put_PostCreate_hashtags(&p, fb_refs(b, mark));
    return world_say(w, (struct change){OP_post_create, author, kt_end_PostCreate(b, &p), NULL}).id;
}

static bool has_tags(struct world *w, uint64_t post, const char *const *tag, uint32_t n)
{
    struct post_tags tags = post_tags(store_post(w->store, post));
    bool same = tags.n == n;
    for (uint32_t i = 0; i < n && same; i++) {
        fb_str s = post_tag(&tags, i);
        same = s.n == strlen(tag[i]) && memcmp(s.s, tag[i], s.n) == 0;
    }
    return same;
}

// Places from disk are places of the caption, of whole letters, or refused.
static void test_tags_sound(void **state)
{
    (void)state;
    struct world *w = fresh(1);
    static const char *const tag[] = {"\u00e9t\u00e9"};
    uint64_t id = post_tagged(w, make_user(w, "a"), "#\u00e9t\u00e9 ends", tag, 1);
    uint32_t n;
    struct record_head h = record_head(store_find(w->store, id));
    const uint8_t *from = record_data(store_find(w->store, id), &n);
    uint8_t data[64];
    assert_in_range(n, 1, sizeof data);
    memcpy(data, from, n);
    assert_int_equal(h.len[0], 1);
    assert_true(record_sound(&h, data));
    static const struct tag_place bad[] = {{1, 0}, {1, 4}, {2, 4}, {0, 64}, {60, 5}, {65535, 1}};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        memcpy(data + h.n[0] + 1, &bad[i], sizeof bad[i]);
        assert_false(record_sound(&h, data));
    }
    memcpy(data, from, n);
    h.len[0] = TAGGED_MAX + 1;
    assert_false(record_sound(&h, data));
    done(w);
}

static void test_media(void **state)
{
    (void)state;
    struct world *w = fresh(1);
    uint64_t a = make_user(w, "a"), p = post_with_media(w, a);
    fb_vec m = media_of(w, p);
    assert_int_equal(m.n, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(kt_Media_display_order(kt_at_Media(m, i)), i);
        assert_int_equal(kt_Media_file_size(kt_at_Media(m, i)), UINT64_C(4) << 30);
    }
    assert_int_equal(kt_Media_media_id(kt_at_Media(m, 0)), 2);
    assert_int_equal(say_media_remove(w, p, 77).error, KITH_not_found);
    assert_int_equal(say_media_remove(w, p, 3).error, KITH_ok);
    assert_int_equal(say_media_remove(w, p, 2).error, KITH_ok);
    assert_int_equal(say_media_remove(w, p, 1).error, KITH_empty_post);
    for (uint32_t i = 1; i < MEDIA_MAX; i++)
        assert_int_equal(say_media_add(w, p, 0).error, KITH_ok);
    assert_int_equal(say_media_add(w, p, 0).error, KITH_too_many_media);
    m = media_of(w, p);
    assert_string_equal(kt_Media_media_url(kt_at_Media(m, MEDIA_MAX - 1)).s, "u:2");
    // The caption has it not, so it is kept apart.
    assert_int_equal(store_post(w->store, p)->tagged, 0);
    assert_true(has_tags(w, p, (const char *const[]){"tag"}, 1));
    done(w);
}

// Tags that the caption has are kept as places in it, few of them and no others; what readers get
// is the same.
static void test_tags(void **state)
{
    (void)state;
    struct world *w = fresh(1);
    uint64_t a = make_user(w, "a");
    static const char *const sun[] = {"sun", "see"}, *const apart[] = {"see", "rain"},
                      *const many[] = {"a", "b", "c", "d"};
    uint64_t p = post_tagged(w, a, "#sunset by the #see", sun, 2);
    assert_int_equal(store_post(w->store, p)->tagged, 2);
    assert_null(post_cold(store_post(w->store, p)));
    assert_true(has_tags(w, p, sun, 2));
    assert_int_equal(say_media_add(w, p, 0).error, KITH_ok);
    assert_int_equal(store_post(w->store, p)->tagged, 2);
    assert_non_null(post_cold(store_post(w->store, p)));
    assert_true(has_tags(w, p, sun, 2));
    // A caption that is not theirs any more, by an entry that says nothing of tags.
    assert_int_equal(say_post_update(w, a, p, "dark", NULL).error, KITH_ok);
    assert_int_equal(store_post(w->store, p)->tagged, 0);
    assert_true(has_tags(w, p, sun, 2));
    p = post_tagged(w, a, "the #see", apart, 2);
    assert_int_equal(store_post(w->store, p)->tagged, 0);
    assert_true(has_tags(w, p, apart, 2));
    p = post_tagged(w, a, "#a #b #c #d", many, 4);
    assert_int_equal(store_post(w->store, p)->tagged, 0);
    assert_true(has_tags(w, p, many, 4));
    p = post_tagged(w, a, "#a #b #c #d", many, 3);
    assert_int_equal(store_post(w->store, p)->tagged, 3);
    assert_true(has_tags(w, p, many, 3));
    done(w);
}

static void test_posts(void **state)
{
    (void)state;
    struct world *w = fresh(2);
    uint64_t a = make_user(w, "a"), b = make_user(w, "b");
    assert_int_equal(say_post(w, a, "").error, KITH_empty_post);
    assert_int_equal(say_post(w, 0, "x").error, KITH_forbidden);
    assert_int_equal(say_post(w, 4711, "x").error, KITH_not_found);
    uint64_t p = say_post(w, a, "one").id;
    assert_int_equal(store_user(w->store, a)->posts, 1);
    w->now_ms += 9;
    assert_int_equal(say_post_update(w, b, p, "two", NULL).error, KITH_forbidden);
    assert_int_equal(say_post_update(w, 0, p, "two", NULL).error, KITH_forbidden);
    assert_int_equal(say_post_update(w, a, p, "", NULL).error, KITH_empty_post);
    assert_int_equal(say_post_update(w, a, p, "two", NULL).error, KITH_ok);
    assert_string_equal(post_caption(store_post(w->store, p)), "two");
    assert_int_equal(store_post(w->store, p)->updated_ms, w->now_ms);
    assert_int_equal(say_post_update(w, a, p, "", "u:i").error, KITH_ok);
    assert_int_equal(media_of(w, p).n, 1);
    assert_int_equal(say_post_update(w, a, p, NULL, "").error, KITH_empty_post);
    assert_int_equal(say_post_update(w, a, p, "t", "").error, KITH_ok);
    assert_int_equal(media_of(w, p).n, 0);
    for (int i = 0; i < 70; i++) say_post(w, a, "more");
    const struct recent *r = store_user(w->store, a)->recent;
    assert_int_equal(r->n, RECENT_MAX);
    assert_true(r->more);
    done(w);
}

// ---- comments ----------------------------------------------------------------------------------

static struct outcome say_comment_update(struct world *w, uint64_t actor, uint64_t comment)
{
    fb_builder *b = world_body(w);
    kt_new_CommentUpdate u = {0};
    kt_put_CommentUpdate_comment_id(&u, comment);
    kt_put_CommentUpdate_content(&u, fb_cstring(b, "changed"));
    fb_ref body = kt_end_CommentUpdate(b, &u);
    return world_say(w, (struct change){OP_comment_update, actor, body, NULL});
}

static void test_comments(void **state)
{
    (void)state;
    struct world *w = fresh(2);
    uint64_t a = make_user(w, "a"), b = make_user(w, "b"), c = make_user(w, "c");
    uint64_t p = say_post(w, a, "p").id, q = say_post(w, a, "q").id;
    uint64_t top = say_comment(w, b, p, 0).id, reply = say_comment(w, c, p, top).id;
    uint64_t deep = say_comment(w, b, p, reply).id;
    assert_int_equal(store_post(w->store, p)->comments, 3);
    assert_int_equal(store_comment(w->store, top)->replies, 1);
    assert_int_equal(say_comment(w, b, q, top).error, KITH_wrong_parent);
    assert_int_equal(say_comment(w, b, p, 4711).error, KITH_wrong_parent);
    assert_int_equal(say_comment(w, b, 4711, 0).error, KITH_not_found);
    assert_int_equal(say_comment_update(w, c, top).error, KITH_forbidden);
    assert_int_equal(say_comment_update(w, b, top).error, KITH_ok);
    assert_string_equal(store_comment(w->store, top)->data, "changed");
    assert_true(store_comment(w->store, top)->o.flags & OBJECT_EDITED);
    assert_int_equal(say_id(w, OP_comment_delete, c, top).error, KITH_forbidden);
    assert_int_equal(say_id(w, OP_comment_delete, a, top).error, KITH_ok);
    assert_int_equal(say_id(w, OP_comment_delete, a, top).error, KITH_not_found);
    assert_int_equal(store_post(w->store, p)->comments, 2);
    const struct comment *t = store_comment(w->store, top);
    assert_true(t->o.flags & OBJECT_TOMBSTONE);
    assert_int_equal(t->o.text_n, 0);
    assert_int_equal(t->author, 0);
    assert_int_equal(say_comment(w, b, p, top).error, KITH_wrong_parent);
    assert_int_equal(say_id(w, OP_comment_delete, c, reply).error, KITH_ok);
    assert_int_equal(say_id(w, OP_comment_delete, b, deep).error, KITH_ok);
    assert_null(store_find(w->store, top));
    assert_null(store_find(w->store, reply));
    assert_int_equal(store_post(w->store, p)->comments, 0);
    done(w);
}

// ---- cascades ----------------------------------------------------------------------------------

static void test_user_delete(void **state)
{
    (void)state;
    struct world *w = fresh(2);
    uint64_t u[6];
    char name[16];
    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof name, "u%d", i);
        u[i] = make_user(w, name);
    }
    uint64_t theirs = say_post(w, u[1], "theirs").id, own = say_post(w, u[0], "own").id;
    for (int i = 1; i < 6; i++) {
        say_id(w, OP_follow, u[0], u[i]);
        say_id(w, OP_follow, u[i], u[0]);
        say_id(w, OP_like, u[i], own);
    }
    say_id(w, OP_like, u[0], theirs);
    uint64_t c = say_comment(w, u[0], theirs, 0).id;
    say_comment(w, u[2], theirs, c);
    say_comment(w, u[0], own, say_comment(w, u[3], own, 0).id);
    say_session(w, u[0], true);
    struct outcome o = say_id(w, OP_user_delete, u[0], u[0]);
    assert_int_equal(o.error, KITH_ok);
    assert_int_equal(o.id, u[0]);
    assert_null(store_find(w->store, u[0]));
    assert_null(store_find(w->store, own));
    assert_int_equal(store_user(w->store, u[3])->followers, 0);
    assert_int_equal(store_user(w->store, u[3])->following, 0);
    assert_int_equal(store_post(w->store, theirs)->likes, 0);
    assert_int_equal(store_post(w->store, theirs)->comments, 1);
    assert_true(store_comment(w->store, c)->o.flags & OBJECT_TOMBSTONE);
    assert_int_equal(named(w, NAME_username, "u0"), 0);
    assert_int_equal(say_id(w, OP_user_delete, u[0], u[0]).error, KITH_not_found);
    assert_int_equal(say_register(w, "u0").error, KITH_ok);
    done(w);
}

// Hidden at once, whatever the cascade still has to do.
static void test_user_delete_hides(void **state)
{
    (void)state;
    struct world *w = fresh(2);
    uint64_t a = make_user(w, "a"), b = make_user(w, "b");
    uint64_t own = say_post(w, a, "own").id, p = say_post(w, b, "p").id;
    uint64_t c = say_comment(w, a, p, 0).id;
    say_id(w, OP_follow, b, a);
    w->lazy = true;
    say_id(w, OP_user_delete, a, a);
    assert_null(store_user(w->store, a));
    assert_null(store_post(w->store, own));
    struct page page = {.want = 10, .n = 1, .item = {{c, 0}}};
    page_seen(w->store, &page, ENTITY_comment, (struct sight[PAGE_MAX]){0});
    assert_int_equal(page.n, 0);
    assert_int_equal(say_id(w, OP_follow, b, a).error, KITH_not_found);
    assert_int_equal(say_id(w, OP_like, b, own).error, KITH_not_found);
    assert_int_equal(say_id(w, OP_follow, a, b).error, KITH_ok); // undone by a's end
    assert_int_equal(say_id(w, OP_erase, a, a).changed, 0);      // not bare yet
    assert_non_null(store_find(w->store, a));
    world_settle(w);
    assert_int_equal(store_user(w->store, b)->followers, 0);
    assert_int_equal(store_user(w->store, b)->following, 0);
    done(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_register),    cmocka_unit_test(test_rename),
        cmocka_unit_test(test_update),      cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_follow),      cmocka_unit_test(test_like),
        cmocka_unit_test(test_media),        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_tags_sound),
        cmocka_unit_test(test_posts),
        cmocka_unit_test(test_comments),    cmocka_unit_test(test_user_delete),
        cmocka_unit_test(test_user_delete_hides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
