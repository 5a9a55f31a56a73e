-- LinkBench's tables (T. Armstrong et al., "LinkBench: a Database Benchmark Based on the Facebook
-- Social Graph", SIGMOD 2013; github.com/facebookarchive/linkbench), in PostgreSQL's types.
CREATE SEQUENCE node_ids;
CREATE TABLE nodetable (
    id bigint DEFAULT nextval('node_ids'), type int NOT NULL, version bigint NOT NULL,
    time bigint NOT NULL, data text NOT NULL
) WITH (fillfactor = 70);
CREATE TABLE linktable (
    id1 bigint NOT NULL, id2 bigint NOT NULL, link_type bigint NOT NULL,
    visibility smallint NOT NULL, data text NOT NULL, time bigint NOT NULL, version int NOT NULL
);
CREATE TABLE counttable (
    id bigint NOT NULL, link_type bigint NOT NULL, count int NOT NULL, time bigint NOT NULL,
    version bigint NOT NULL
) WITH (fillfactor = 50);
CREATE UNLOGGED TABLE linkload (post bigint, member bigint, time bigint);
CREATE UNLOGGED TABLE followload (follower bigint, followee bigint);
