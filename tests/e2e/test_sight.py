#!/usr/bin/python3
"""Who comes across what: SEC-3 and GRAPH-8 for all that is done with posts and comments, POST-17 and POST-21 for all
that finds them, SAVE-9 for collections, NOTE-5 for shares."""
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import eventually, new_user, pages


def unique(word):
    return word + str(random.random())[2:12]


def make(api, viewer, **fields):
    fields.setdefault('caption', 'a post')
    a = api.call('post_create', fields, viewer=viewer)
    assert a.status == 201, a
    return a['post_id']


def change(api, viewer, post, **fields):
    a = api.call('post_update', dict(fields, post_id=post), viewer=viewer)
    assert a.status == 200, a


def comment(api, viewer, post):
    a = api.call('comment_create', {'post_id': post, 'content': 'c'}, viewer=viewer)
    assert a.status == 201, a
    return a['comment_id']


def does(api, viewer, op, **fields):
    a = api.call(op, fields, viewer=viewer)
    assert a.status == 200, (op, a)
    return a


def ids(api, op, fields, viewer=None, noun='posts', key='post_id'):
    return [x[key] for x in pages(api, op, fields, noun, viewer=viewer)[0]]


READS = ('post_get', 'post_stats', 'like_count', 'likes', 'shares', 'post_replies', 'comment_list')
ACTS = (('like', {}), ('unlike', {}), ('bookmark', {}), ('unbookmark', {}), ('share', {'content': 'x'}), ('unshare', {}),
        ('react', {'reaction_type': 'wow'}), ('react', {'reaction_type': 'like'}), ('unreact', {}))


def sees_nothing(api, viewer, post, c):
    for op in READS:
        assert api.call(op, {'post_id': post}, viewer=viewer).status == 404, op
    for op, more in ACTS:
        assert api.call(op, dict(more, post_id=post), viewer=viewer).status == 404, op
    assert api.call('post_create', {'caption': 'x', 'reply_to_post_id': post}, viewer=viewer).status == 404
    for op in ('comment_like', 'comment_unlike', 'comment_likes', 'comment_replies'):
        assert api.call(op, {'comment_id': c}, viewer=viewer).status == 404, op
    assert api.call('post_restore', {'post_id': post}, viewer=viewer).status in (403, 404)
    assert post not in ids(api, 'bookmarks', {}, viewer)
    assert c not in ids(api, 'user_comments', {'user_id': viewer}, viewer, 'comments', 'comment_id')


def test_SEC_3_GRAPH_8_blocked(api, server):
    a, b, c = (new_user(api) for _ in range(3))
    p, other = make(api, a), make(api, c)
    of_b = comment(api, b, p)
    for op, more in (('bookmark', {}), ('share', {'content': 'by b'}), ('react', {'reaction_type': 'sad'})):
        does(api, b, op, post_id=p, **more)
        does(api, b, op, post_id=other, **more)
    answer = make(api, b, reply_to_post_id=p)
    both = make(api, b, reply_to_post_id=other)
    on_other = comment(api, b, other)
    does(api, b, 'comment_like', comment_id=comment(api, a, other))
    does(api, a, 'comment_like', comment_id=on_other)
    does(api, c, 'comment_like', comment_id=on_other)
    assert ids(api, 'post_replies', {'post_id': p}, c) == [answer]
    does(api, a, 'block', user_id=b)
    sees_nothing(api, b, p, of_b)
    # What b has done elsewhere is there for others, and not for a.
    who = lambda op, fields, viewer, noun: ids(api, op, fields, viewer, noun, 'user_id')
    for viewer, there in ((c, True), (None, True), (a, False)):
        shown = lambda got, one: (one in got) == there
        assert shown(ids(api, 'post_replies', {'post_id': other}, viewer), both), viewer
        assert shown(who('shares', {'post_id': other}, viewer, 'shares'), b), viewer
        assert shown(ids(api, 'comment_list', {'post_id': other}, viewer, 'comments', 'comment_id'), on_other), viewer
    assert api.call('post_get', {'post_id': both}, viewer=a).status == 404
    assert api.call('comment_like', {'comment_id': on_other}, viewer=a).status == 404
    assert a in who('comment_likes', {'comment_id': on_other}, c, 'users')
    assert a not in who('comment_likes', {'comment_id': on_other}, b, 'users')
    assert api.call('post_get', {'post_id': answer}, viewer=b)['reply_to_post_id'] is None
    assert api.call('post_get', {'post_id': answer}, viewer=c)['reply_to_post_id'] == p
    does(api, a, 'unblock', user_id=b)
    assert api.call('post_get', {'post_id': answer}, viewer=b)['reply_to_post_id'] == p
    does(api, a, 'comment_like', comment_id=on_other)


def test_SEC_3_GRAPH_7_private(api, server):
    a, fan, stranger = (new_user(api) for _ in range(3))
    does(api, fan, 'follow', user_id=a)
    p, later = make(api, a), make(api, a)
    for u in (fan, stranger):
        does(api, u, 'bookmark', post_id=p)
        does(api, u, 'share', post_id=p)
    of_stranger = comment(api, stranger, p)
    answer = make(api, stranger, reply_to_post_id=p)
    does(api, a, 'user_update', user_id=a, is_private=True)
    sees_nothing(api, stranger, p, of_stranger)
    assert api.call('post_stats', {'post_id': p}).status == 404
    assert api.call('post_get', {'post_id': answer}, viewer=stranger)['reply_to_post_id'] is None
    assert api.call('post_get', {'post_id': answer}, viewer=fan)['reply_to_post_id'] == p
    assert ids(api, 'bookmarks', {}, fan) == [p] and ids(api, 'post_replies', {'post_id': p}, fan) == [answer]
    assert does(api, fan, 'react', post_id=later, reaction_type='love')['reactions'] == {'love': 1}
    does(api, a, 'follower_remove', user_id=fan)
    sees_nothing(api, fan, p, of_stranger)
    assert api.call('unreact', {'post_id': later}, viewer=fan).status == 404


def test_SEC_3_STORY_3_close_friends(api, server):
    """An audience holds for searches as for reads, and for who is a friend no more."""
    a, friend, fan = (new_user(api) for _ in range(3))
    for u in (friend, fan):
        does(api, u, 'follow', user_id=a)
    does(api, a, 'close_friend', user_id=friend)
    word, tag = unique('word'), unique('tag')
    p = make(api, a, caption='%s #%s' % (word, tag), audience='close_friends')
    c = comment(api, friend, p)
    does(api, friend, 'like', post_id=p)
    finds = (('search_posts', {'query': word}), ('tag_posts', {'tag_name': tag}), ('trending_posts', {}))
    for op, f in finds:
        assert p in ids(api, op, f, friend) and p in ids(api, op, f, a), op
        assert p not in ids(api, op, f, fan) and p not in ids(api, op, f), op
    sees_nothing(api, fan, p, c)
    does(api, a, 'close_friend_end', user_id=friend)
    sees_nothing(api, friend, p, c)
    for op, f in finds:
        assert p not in ids(api, op, f, friend), op


def found(api, viewer, word, tag, place):
    """Where the post with these is come across: one word for each."""
    return [op for op, f in (('search_posts', {'query': word}), ('tag_posts', {'tag_name': tag}),
                             ('location_posts', {'name': place}), ('trending_posts', {}))
            if ids(api, op, f, viewer) and word in str(api.call(op, dict(f, limit=100), viewer=viewer).body)]


def counted(api, tag):
    tags = {t['tag_name']: t for t in pages(api, 'search_tags', {'query': tag}, 'tags')[0]}
    trending = {t['tag_name']: t['recent_count'] for t in api.call('trending_hashtags', {'limit': 100})['tags']}
    return tags[tag]['post_count'] if tag in tags else 0, trending.get(tag, 0)


def test_POST_17_21_FIND_15_16_hidden_from_all_that_finds(api, server):
    """Neither the archive nor the bin is searched, counted or trending, not even for the author; and back again."""
    a, fan = new_user(api), new_user(api)
    does(api, fan, 'follow', user_id=a)
    word, tag, place = unique('word'), unique('tag'), unique('Harbour ')
    p = make(api, a, caption=word, hashtags=[tag, unique('tag')], location={'name': place})
    for i in range(3):
        does(api, new_user(api), 'like', post_id=p)
    comment(api, fan, p)
    all_ = ['search_posts', 'tag_posts', 'location_posts', 'trending_posts']
    likes = lambda: api.call('user_stats', {'user_id': a})['total_likes_received']

    def there(is_):
        for viewer in (a, fan, None):
            assert found(api, viewer, word, tag, place) == (all_ if is_ else []), viewer
        assert counted(api, tag) == ((1, 1) if is_ else (0, 0))
        assert likes() == (3 if is_ else 0)
        assert (place in str(api.call('search_locations', {'query': place}).body)) == is_

    there(True)
    for hide, show in ((lambda: change(api, a, p, is_archived=True), lambda: change(api, a, p, is_archived=False)),
                       (lambda: api.call('post_delete', {'post_id': p}, viewer=a),
                        lambda: does(api, a, 'post_restore', post_id=p))):
        hide()
        there(False)
        server.restart('kill')
        api = type(api)(server)
        there(False)
        show()
        there(True)
        server.restart('kill')
        api = type(api)(server)
        there(True)
    # The author acts on what is archived: that makes nothing trend.
    change(api, a, p, is_archived=True)
    does(api, a, 'like', post_id=p)
    comment(api, a, p)
    assert found(api, a, word, tag, place) == []
    # Archived, deleted, restored: still in the archive.
    api.call('post_delete', {'post_id': p}, viewer=a)
    does(api, a, 'post_restore', post_id=p)
    assert found(api, a, word, tag, place) == [] and ids(api, 'user_archive', {'user_id': a}, a) == [p]
    change(api, a, p, is_archived=False)
    assert found(api, fan, word, tag, place) == all_ and likes() == 4


def test_SAVE_9_collections(api, server):
    a, b = new_user(api), new_user(api)
    posts = [make(api, a) for _ in range(3)]
    c = api.call('collection_add', {'name': 'trips'}, viewer=b)['collection_id']
    for p in posts:
        assert api.call('collect', {'collection_id': c, 'post_id': p}, viewer=b).status < 300
    size = lambda: api.call('collection_get', {'collection_id': c}, viewer=b)['posts_count']
    inside = lambda: ids(api, 'collection_posts', {'collection_id': c}, b)

    def is_(n, listed):
        assert size() == n and inside() == listed, (size(), inside())
    is_(3, posts[::-1])
    api.call('post_delete', {'post_id': posts[1]}, viewer=a)
    eventually(lambda: is_(2, [posts[2], posts[0]]))
    server.restart('kill')
    api = type(api)(server)
    is_(2, [posts[2], posts[0]])
    does(api, a, 'post_restore', post_id=posts[1])
    eventually(lambda: is_(3, posts[::-1]))


def test_NOTE_5_17_shares_and_the_bin(api, server):
    a, b = new_user(api), new_user(api)
    p = make(api, a)
    does(api, b, 'share', post_id=p, content='look')
    does(api, b, 'like', post_id=p)
    comment(api, b, p)

    def told(*types):
        got = api.call('notifications', {}, viewer=a)['notifications']
        assert [n['type'] for n in got] == list(types), got
        assert api.call('notification_count', {}, viewer=a)['unread_count'] == len(types)
        return got
    one = told('comment', 'like', 'share')[2]
    assert (one['actor_id'], one['entity_type'], one['entity_id']) == (b, 'post', p), one
    api.call('post_delete', {'post_id': p}, viewer=a)
    told()
    server.restart('kill')
    api = type(api)(server)
    told()
    does(api, a, 'post_restore', post_id=p)
    told('comment', 'like', 'share')
    does(api, b, 'unshare', post_id=p)
    told('comment', 'like')


if __name__ == '__main__':
    sys.exit(harness.run(sys.modules[__name__]))
