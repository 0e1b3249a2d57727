-- The schema of a ledger: one for each database. Made by its owner, who afterwards writes no record:
-- grant tollgate_writer to the role of the gate, and tollgate_sealer to the role of the job that seals.
--
-- Records are bytes as they were hashed. The other columns are for finding them, and nothing is rebuilt from them.

SELECT pg_advisory_xact_lock(hashtext('tollgate ledger'));

CREATE SCHEMA IF NOT EXISTS tollgate;

-- One row that is there from the beginning: a lock on the newest record would let two writers pass.
CREATE TABLE IF NOT EXISTS tollgate.head (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    origin   text NOT NULL DEFAULT '',
    size     bigint NOT NULL DEFAULT 0 CHECK (size >= 0),
    root     bytea NOT NULL DEFAULT sha256('') CHECK (length(root) = 32),
    frontier bytea NOT NULL DEFAULT '' CHECK (length(frontier) % 32 = 0)
);
INSERT INTO tollgate.head DEFAULT VALUES ON CONFLICT DO NOTHING;

CREATE TABLE IF NOT EXISTS tollgate.entry (
    index       bigint PRIMARY KEY CHECK (index >= 0),
    leaf        bytea NOT NULL,
    hash        bytea NOT NULL CHECK (length(hash) = 32),
    rid         bytea NOT NULL UNIQUE CHECK (length(rid) = 16),
    finding     bytea CHECK (length(finding) = 16),
    matter      bytea CHECK (length(matter) = 16),
    appended_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    appended_by text NOT NULL DEFAULT session_user
);
CREATE INDEX IF NOT EXISTS entry_finding ON tollgate.entry (finding) WHERE finding IS NOT NULL;
CREATE INDEX IF NOT EXISTS entry_matter ON tollgate.entry (matter) WHERE matter IS NOT NULL;

CREATE TABLE IF NOT EXISTS tollgate.seal (
    size bigint PRIMARY KEY CHECK (size > 0),
    note bytea NOT NULL
);

-- Adds records if the head is still the one the writer saw: true when they went in, false when it is another.
CREATE OR REPLACE FUNCTION tollgate.append(
    the_origin text, old_size bigint, old_root bytea, new_size bigint, new_root bytea, new_frontier bytea,
    leaves bytea[], hashes bytea[], rids bytea[], findings bytea[], matters bytea[]
) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    now tollgate.head%ROWTYPE;
BEGIN
    SELECT * INTO STRICT now FROM tollgate.head FOR UPDATE;
    IF now.size <> old_size OR now.root <> old_root OR now.size > 0 AND now.origin <> the_origin THEN
        RETURN false;
    END IF;
    IF cardinality(leaves) = 0 OR new_size <> old_size + cardinality(leaves) THEN
        RAISE EXCEPTION 'the new size does not fit the records';
    END IF;
    IF EXISTS (SELECT FROM tollgate.seal WHERE size > old_size) THEN
        RAISE EXCEPTION 'the ledger was set back: a seal is over more than % records', old_size
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    INSERT INTO tollgate.entry (index, leaf, hash, rid, finding, matter)
        SELECT old_size + at - 1, leaf, hash, rid, finding, matter
        FROM unnest(leaves, hashes, rids, findings, matters) WITH ORDINALITY
            AS given (leaf, hash, rid, finding, matter, at);
    UPDATE tollgate.head SET origin = the_origin, size = new_size, root = new_root, frontier = new_frontier;
    RETURN true;
END $$;

CREATE OR REPLACE FUNCTION tollgate.keep_seal(the_size bigint, the_note bytea)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO tollgate.seal (size, note) VALUES (the_size, the_note)
        ON CONFLICT (size) DO UPDATE SET note = excluded.note
$$;

CREATE OR REPLACE FUNCTION tollgate.refuse() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'a ledger only grows: % of %.% is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME;
END $$;

CREATE OR REPLACE FUNCTION tollgate.refuse_less() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.size <= OLD.size OR OLD.size > 0 AND NEW.origin <> OLD.origin THEN
        RAISE EXCEPTION 'a ledger only grows: % records after % are refused', NEW.size, OLD.size;
    END IF;
    RETURN NEW;
END $$;

-- ALWAYS: also where a session says it only replays what another server wrote.
CREATE OR REPLACE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON tollgate.entry
    FOR EACH STATEMENT EXECUTE FUNCTION tollgate.refuse();
ALTER TABLE tollgate.entry ENABLE ALWAYS TRIGGER only_grows;
CREATE OR REPLACE TRIGGER stays BEFORE DELETE OR TRUNCATE ON tollgate.head
    FOR EACH STATEMENT EXECUTE FUNCTION tollgate.refuse();
ALTER TABLE tollgate.head ENABLE ALWAYS TRIGGER stays;
CREATE OR REPLACE TRIGGER only_grows BEFORE UPDATE ON tollgate.head
    FOR EACH ROW EXECUTE FUNCTION tollgate.refuse_less();
ALTER TABLE tollgate.head ENABLE ALWAYS TRIGGER only_grows;
CREATE OR REPLACE TRIGGER stays BEFORE DELETE OR TRUNCATE ON tollgate.seal
    FOR EACH STATEMENT EXECUTE FUNCTION tollgate.refuse();
ALTER TABLE tollgate.seal ENABLE ALWAYS TRIGGER stays;

REVOKE ALL ON SCHEMA tollgate FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA tollgate FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA tollgate FROM PUBLIC;

-- Roles belong to the whole server. An owner who may not make them finds them made, or grants by hand.
DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['tollgate_writer', 'tollgate_sealer'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role);
        EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN NULL;
        END;
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            EXECUTE format('GRANT USAGE ON SCHEMA tollgate TO %I', role);
            EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA tollgate TO %I', role);
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'tollgate_writer') THEN
        GRANT EXECUTE ON FUNCTION tollgate.append TO tollgate_writer;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'tollgate_sealer') THEN
        GRANT EXECUTE ON FUNCTION tollgate.keep_seal TO tollgate_sealer;
    END IF;
END $$;
