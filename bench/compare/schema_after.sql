-- After the rows: indexes are made faster so, and are packed.
ALTER TABLE timelines ADD PRIMARY KEY (user_id, post_id);
CREATE INDEX posts_author ON posts (author, id);
CREATE INDEX follows_followee ON follows (followee) INCLUDE (follower);
CREATE INDEX likes_post ON likes (post_id);
CREATE INDEX comments_post ON comments (post_id, id);
-- So that timelines are read from their index alone.
VACUUM ANALYZE;
