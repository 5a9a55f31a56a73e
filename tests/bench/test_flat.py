#!/usr/bin/env python3
"""What a read or a change costs must not hang on how much there is: the same requests to a server with
1,000 rows of everything and to one with 100,000 (tests/api/flat_cost.c), in instructions under
callgrind. Times are for `kith bench`.

    tests/bench/test_flat.py            judges
    tests/bench/test_flat.py --print    prints all paths as measured

A test below stands for rows of tests/mission.txt and has paths. With a hundred times more a path may
cost FLAT times as much; LOG times where something ordered is searched on the way (17 steps, not 10);
those of BOUNDED stop at a number that the code names, far below 100,000, and may cost so many
instructions. Counted is our own code, as in test_budgets.py: see there. Skipped (77) without
valgrind, and where sanitizers are built in."""
import concurrent.futures
import shutil
import sys

import test_budgets

PROGRAM = 'api/flat_cost'
FEW, MANY = 1000, 100000
FLAT, LOG = 1.5, 2.0

ALL_LISTS = 'all lists'
TESTS = {
    'test_PERF_1_user_by_name_email_phone': ['user_by_name', 'user_by_email', 'user_by_phone'],
    'test_PERF_2_follow_pair': ['user_followed', 'user_by_hub', 'follow_again', 'follow', 'unfollow'],
    'test_PERF_3_followers_and_following': ['list:followers', 'deep:followers', 'list:following',
                                            'deep:following'],
    'test_PERF_4_blocks': ['feed_blocks', 'comments_blocks', 'block_again', 'list:blocks',
                           'deep:blocks'],
    'test_PERF_5_like_pair': ['like_again', 'comment_like_again', 'like', 'unlike', 'post_liked',
                              'page_by_liker'],
    'test_PERF_6_likes_of_a_target': ['list:likes', 'deep:likes', 'list:comment_likes',
                                      'deep:comment_likes'],
    'test_PERF_7_shares': ['share_again', 'list:shares', 'deep:shares'],
    'test_PERF_8_bookmarks': ['bookmark_again', 'page_by_fan', 'list:bookmarks', 'deep:bookmarks'],
    'test_PERF_9_11_posts_of_an_author': ['list:user_posts', 'deep:user_posts'],
    'test_PERF_10_public_posts': ['list:post_list'],
    'test_PERF_12_replies': ['list:post_replies', 'deep:post_replies'],
    'test_PERF_13_CMT_12_comments': ['list:comment_list', 'deep:comment_list', 'comments_oldest',
                                     'list:comment_replies', 'deep:comment_replies',
                                     'list:user_comments', 'deep:user_comments', 'comment'],
    'test_PERF_15_notifications': ['list:notifications', 'deep:notifications', 'unread',
                                   'unread_count'],
    'test_PERF_16_texts': ['text_one', 'text_common', 'text_both', 'text_none', 'text_comment',
                           'text_bio', 'list:search_posts', 'list:search_comments'],
    'test_PERF_17_names': ['list:search_users', 'name_prefix', 'name_word', 'name_rare'],
    'test_PERF_18_archived_posts': ['posts_alive', 'list:user_archive', 'deep:user_archive'],
    'test_PERF_19_every_list': [ALL_LISTS],
    'test_PERF_20_what_hangs_on_it': ['post_delete', 'user_delete'],
    'test_PERF_25_counters': ['user_stats', 'author_stats', 'post_stats', 'like_count',
                              'unread_count'],
    'test_PERF_26_bulk': ['bulk'],
    'test_FEED_6_counts_without_counting': ['list:feed', 'feed_blocks'],
    'test_SUGG_5_suggestions': ['list:suggestions', 'suggest_by_hub'],
}
# Where something ordered is searched on the way, or a block of it written anew.
LOGARITHMIC = {'user_delete', 'text_both', 'post_delete'}
BOUNDED = {
    # Who is similar, where fewer are found by name than asked for: HUNT_STEPS of a turn.
    'name_rare': 3000000,
    # Words of places have no order by name: PLACES_LOOKED_AT.
    'list:search_locations': 40000000,
}


def measure(rows):
    """path -> instructions of our own."""
    return {path: own for path, own, _ in test_budgets.measure(
        PROGRAM, valgrind=['--instr-atstart=no'], arguments=[str(rows)])}


def verdict(path, few, many):
    """None where it is flat."""
    if path in BOUNDED:
        return None if many <= BOUNDED[path] else '%s: more than %d' % (path, BOUNDED[path])
    most = LOG if path in LOGARITHMIC else FLAT
    return None if many <= most * few else '%s: %.2f times, at most %.1f' % (path, many / few, most)


def judge(few, many):
    failed = 0
    for test, paths in TESTS.items():
        if paths == [ALL_LISTS]:
            paths = [p for p in few if p.startswith(('list:', 'deep:'))]
        said = ', '.join('%s %d -> %d' % (p, few[p], many[p]) for p in paths)
        wrong = [w for w in (verdict(p, few[p], many[p]) for p in paths) if w]
        failed += bool(wrong)
        print('%s %s: %s' % ('not ok' if wrong else 'ok', test, '; '.join(wrong) or said))
    return failed


def print_table(few, many):
    for path in few:
        print('%-26s %10d %10d %6.2f' % (path, few[path], many[path], many[path] / few[path]))


def main():
    if not shutil.which('valgrind'):
        test_budgets.skip('no valgrind')
    if '-fsanitize' in test_budgets.compiler_of_build():
        test_budgets.skip('not under sanitizers')
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        few, many = pool.map(measure, (FEW, MANY))
    if '--print' in sys.argv:
        print_table(few, many)
        return 0
    return 1 if judge(few, many) else 0


if __name__ == '__main__':
    sys.exit(main())
