-- Jobs that another process finishes (docs/adr/0044-jobs-that-go-on.md). What such a job was asked for
-- is kept until it ends, and no longer; of any other job nothing is, as before.

ALTER TABLE jobs
  ADD COLUMN is_resumable bigint NOT NULL DEFAULT 0 CHECK (is_resumable IN (0, 1)),
  -- Begins that were counted: a process that ends in good order gives its own back.
  ADD COLUMN attempts bigint NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  -- Grows with every begin; whoever writes for the job under an older one is refused.
  ADD COLUMN lease bigint NOT NULL DEFAULT 0,
  -- Nothing stops it any more: what takes effect outside of the store may have done so.
  ADD COLUMN is_sealed bigint NOT NULL DEFAULT 0 CHECK (is_sealed IN (0, 1)),
  ADD COLUMN params json
    CHECK (params IS NULL OR ended_at IS NULL AND json_typeof(params) = 'object'),
  ADD COLUMN checkpoint json
    CHECK (checkpoint IS NULL OR ended_at IS NULL AND json_typeof(checkpoint) = 'object'),
  -- The session of whoever began it, who must still be allowed to.
  ADD COLUMN session_id text COLLATE "C" CHECK (session_id IS NULL OR ended_at IS NULL);
