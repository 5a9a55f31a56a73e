-- Who likes a post twice likes it from the first time on. Likes are links of type 1, follows of
-- type 2; users are nodes from 1000000000000 on.
INSERT INTO linktable SELECT post, member + 1000000000000, 1, 1, 'u' || member, min(time), 0
    FROM linkload GROUP BY post, member;
INSERT INTO counttable SELECT id1, 1, count(*), max(time), 0 FROM linktable GROUP BY id1;
INSERT INTO linktable SELECT follower + 1000000000000, followee + 1000000000000, 2, 1, '', 0, 0
    FROM followload;
DROP TABLE linkload, followload;
ALTER TABLE nodetable ADD PRIMARY KEY (id);
ALTER TABLE linktable ADD PRIMARY KEY (link_type, id1, id2);
ALTER TABLE counttable ADD PRIMARY KEY (id, link_type);
-- LinkBench's own second index, which has all that a list of links shows.
CREATE INDEX id1_type ON linktable (id1, link_type, visibility, time) INCLUDE (id2, version, data);
VACUUM ANALYZE;
