-- The relational form of the community: the tables that a team would make, with the counters kept
-- in the rows and a row for each place in a timeline, as computing a home feed by joins costs
-- milliseconds. No foreign keys: each would be looked up at every insert. Room is left in the rows
-- that are counted in, so that an update stays on its page and touches no index.
CREATE TABLE users (
    id int PRIMARY KEY, username text NOT NULL UNIQUE, posts int NOT NULL,
    followers int NOT NULL
) WITH (fillfactor = 50);
-- Apart from users: a follow locks a row here, then one there; two of them never wait in a ring.
CREATE TABLE followings (
    user_id int PRIMARY KEY, following int NOT NULL
) WITH (fillfactor = 50);
CREATE SEQUENCE post_ids;
CREATE TABLE posts (
    id bigint PRIMARY KEY DEFAULT nextval('post_ids'), author int NOT NULL, created bigint NOT NULL,
    caption text NOT NULL, like_count int NOT NULL DEFAULT 0, comment_count int NOT NULL DEFAULT 0
) WITH (fillfactor = 70);
CREATE TABLE follows (
    follower int, followee int, created bigint NOT NULL, PRIMARY KEY (follower, followee)
);
CREATE TABLE likes (
    user_id int, post_id bigint, created bigint NOT NULL, PRIMARY KEY (user_id, post_id)
);
CREATE SEQUENCE comment_ids;
CREATE TABLE comments (
    id bigint PRIMARY KEY DEFAULT nextval('comment_ids'), post_id bigint NOT NULL,
    user_id int NOT NULL, created bigint NOT NULL, content text NOT NULL
);
CREATE TABLE timelines (user_id int, post_id bigint);
