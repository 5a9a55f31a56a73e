#!/usr/bin/python3
"""SEC-15, 16, 17, 27, AUTH-18 and GRAPH-12: who may take away what others wrote, what somebody gets
of what is kept of him, and that what is gone is gone from the disk."""
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import Server, eventually, new_user, pages


def moderator(api):
    m = new_user(api)
    assert api.call('role_set', {'user_id': m, 'role': 'moderator'}).status == 200
    return m


def audits(api, user):
    return api.call('audit_list', {'user_id': user})['audits']


def last_act(api, user, act):
    """The newest record of that act, once the consequence that brings it is there."""
    def there():
        found = [x for x in audits(api, user) if x['act'] == act]
        assert found, (act, audits(api, user))
        return found[0]
    return eventually(there)


# ---- SEC-27 ------------------------------------------------------------------------------------

def test_SEC_27_post_is_removed_with_a_reason(api, server):
    author, m, other = new_user(api), moderator(api), new_user(api)
    api.call('follow', {'user_id': author}, viewer=other)
    p = api.call('post_create', {'caption': 'forbidden words #rude'}, viewer=author)['post_id']
    api.call('like', {'post_id': p}, viewer=other)
    why = {'post_id': p, 'reason': 'insults a neighbour'}
    # Neither a stranger nor the author is a moderator; and a reason is needed.
    for who in (other, author):
        assert api.call('post_remove', why, viewer=who).status == 403
    assert api.call('post_remove', why, service=False).status == 401
    r = api.call('post_remove', {'post_id': p}, viewer=m)
    assert r.status == 422 and r.pointers == ['/reason'], r
    assert api.call('post_get', {'post_id': p}, viewer=other).status == 200

    assert api.call('post_remove', why, viewer=m).status == 204
    for who in (author, other, m):
        assert api.call('post_get', {'post_id': p}, viewer=who).status == 404
        assert api.call('user_posts', {'user_id': author}, viewer=who)['posts'] == []
    assert api.call('feed', {}, viewer=other)['posts'] == []
    assert api.call('user_get', {'user_id': author})['posts_count'] == 0
    act = last_act(api, author, 'post_remove')
    assert (act['done'], act['user_id'], act['actor_id']) == (True, author, m), act
    assert (act['object_id'], act['reason']) == (p, 'insults a neighbour'), act
    # What a moderator took away the author neither restores nor changes; nobody removes it twice.
    assert api.call('post_restore', {'post_id': p}, viewer=author).status == 404
    assert api.call('post_update', {'post_id': p, 'caption': 'x'}, viewer=author).status == 404
    assert api.call('post_remove', why, viewer=m).status == 404
    assert api.call('post_reinstate', {'post_id': p}, viewer=author).status == 403

    assert api.call('post_reinstate', {'post_id': p, 'reason': 'appealed'}, viewer=m).status == 204
    assert api.call('post_reinstate', {'post_id': p}, viewer=m).status == 204
    back = api.call('post_get', {'post_id': p}, viewer=other)
    assert back['caption'] == 'forbidden words #rude' and back['like_count'] == 1 and back['liked'], back
    assert [x['post_id'] for x in api.call('feed', {}, viewer=other)['posts']] == [p]
    act = last_act(api, author, 'post_reinstate')
    assert act['actor_id'] == m, act
    appealed = [x for x in audits(api, author) if x['reason'] == 'appealed']
    assert [x['object_id'] for x in appealed] == [p], appealed


def test_SEC_27_own_bin_is_not_the_moderators(api, server):
    author, m = new_user(api), moderator(api)
    p = api.call('post_create', {'caption': 'mine'}, viewer=author)['post_id']
    api.call('post_delete', {'post_id': p}, viewer=author)
    assert api.call('post_reinstate', {'post_id': p}, viewer=m).status == 404
    assert api.call('post_restore', {'post_id': p}, viewer=author).status == 200


def test_SEC_27_comment_is_removed_with_a_reason(api, server):
    author, m, owner = new_user(api), moderator(api), new_user(api)
    p = api.call('post_create', {'caption': 'x'}, viewer=owner)['post_id']
    say = lambda text, **f: api.call('comment_create', dict(f, post_id=p, content=text), viewer=author)['comment_id']
    plain, asked = say('nasty zanzibar'), say('nasty question')
    answer = say('an answer', parent_id=asked)
    api.call('comment_like', {'comment_id': plain}, viewer=owner)
    shown = lambda who: {c['comment_id']: c for c in api.call('comment_list', {'post_id': p}, viewer=who)['comments']}
    count = lambda: api.call('post_get', {'post_id': p})['comment_count']
    assert set(shown(owner)) == {plain, asked, answer} and count() == 3
    for c in (plain, asked):
        why = {'comment_id': c, 'reason': 'abuse of ' + c}
        assert api.call('comment_remove', why, viewer=author).status == 403
        assert api.call('comment_remove', why, viewer=owner).status == 403
        assert api.call('comment_remove', why, viewer=m).status == 204
        assert api.call('comment_remove', why, viewer=m).status == 404
    for who in (author, owner, m):
        left = shown(who)
        assert set(left) == {asked, answer}, left  # what is answered stays as a placeholder
        assert left[asked]['is_deleted'] and not left[asked]['content'] and left[asked]['author'] is None
    assert count() == 1
    found = lambda: [c['comment_id'] for c in api.call('search_comments', {'query': 'zanzibar'}, viewer=owner)['comments']]
    assert plain not in found()
    for op, f in (('comment_update', {'content': 'y'}), ('comment_delete', {}), ('comment_like', {})):
        assert api.call(op, dict(f, comment_id=plain), viewer=author).status == 404, op
    act = last_act(api, author, 'comment_remove')
    assert act['actor_id'] == m and act['object_id'] == asked and act['reason'] == 'abuse of ' + asked, act

    # A server that was killed has it all the same, and gives it back.
    server.restart('kill')
    api = type(api)(server)
    assert set(shown(owner)) == {asked, answer}
    for c in (plain, asked):
        assert api.call('comment_reinstate', {'comment_id': c}, viewer=owner).status == 403
        assert api.call('comment_reinstate', {'comment_id': c}, viewer=m).status == 204
        assert api.call('comment_reinstate', {'comment_id': c}, viewer=m).status == 204
    back = shown(owner)
    assert back[plain]['content'] == 'nasty zanzibar' and back[plain]['like_count'] == 1 and back[plain]['liked']
    assert back[asked]['content'] == 'nasty question' and back[asked]['reply_count'] == 1 and count() == 3
    assert plain in found()


def test_SEC_27_survives_a_kill_and_a_snapshot(api, server):
    author, m = new_user(api), moderator(api)
    p = api.call('post_create', {'caption': 'x'}, viewer=author)['post_id']
    q = api.call('post_create', {'caption': 'y'}, viewer=author)['post_id']
    c = api.call('comment_create', {'post_id': q, 'content': 'z'}, viewer=author)['comment_id']
    assert api.call('post_remove', {'post_id': p, 'reason': 'one'}, viewer=m).status == 204
    assert api.call('comment_remove', {'comment_id': c, 'reason': 'two'}, viewer=m).status == 204
    last_act(api, author, 'comment_remove')
    assert server.admin_get('/snapshot', 'POST')[0] == 200
    server.restart('kill')
    api = type(api)(server)
    assert {x['reason'] for x in audits(api, author) if x['reason']} == {'one', 'two'}
    assert api.call('post_restore', {'post_id': p}, viewer=author).status == 404
    assert api.call('post_reinstate', {'post_id': p}, viewer=m).status == 204
    assert api.call('comment_reinstate', {'comment_id': c}, viewer=m).status == 204
    assert api.call('post_get', {'post_id': p}, viewer=author)['caption'] == 'x'
    server.stop()
    server.check()
    server.start()


@harness.once
def test_SEC_27_what_nobody_restores_is_erased(api, server):
    with Server('--restore-window', '1') as mine:
        api = harness.Http(mine)
        author, m = new_user(api), moderator(api)
        q = api.call('post_create', {'caption': 'y'}, viewer=author)['post_id']
        p = api.call('post_create', {'caption': 'x'}, viewer=author)['post_id']
        c = api.call('comment_create', {'post_id': q, 'content': 'z'}, viewer=author)['comment_id']
        asked = api.call('comment_create', {'post_id': q, 'content': 'secret'}, viewer=author)['comment_id']
        api.call('comment_create', {'post_id': q, 'content': 'a', 'parent_id': asked}, viewer=author)
        for one in (c, asked):
            assert api.call('comment_remove', {'comment_id': one, 'reason': 'r'}, viewer=m).status == 204
        assert api.call('post_remove', {'post_id': p, 'reason': 'r'}, viewer=m).status == 204

        time.sleep(1.1)  # before that it would be given back

        def gone():
            assert api.call('comment_reinstate', {'comment_id': c}, viewer=m).status == 404
            assert api.call('comment_reinstate', {'comment_id': asked}, viewer=m).status == 404
            assert api.call('post_reinstate', {'post_id': p}, viewer=m).status == 404
        eventually(gone)

        def erased():
            r = json.loads(mine.admin_get('/digest')[1])
            assert api.call('user_comments', {'user_id': author}, viewer=author)['comments'][0]['content'] == 'a', r
            mine.stop()
            counts = mine.check()['counts']
            mine.start()
            assert counts['binned'] == 0 and counts['comments'] == 2, counts
        eventually(erased, 20)


if __name__ == '__main__':
    sys.exit(harness.run(sys.modules[__name__]))
